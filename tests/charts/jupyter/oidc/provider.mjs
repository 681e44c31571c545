// A login provider whose people are whoever logs in, by any password; clients come from the environment.
import { Provider } from "oidc-provider";

const provider = new Provider(process.env.ISSUER, {
  clients: JSON.parse(process.env.CLIENTS),
  claims: { email: ["email"], profile: ["preferred_username"] },
  findAccount: (_, name) => ({
    accountId: name,
    claims: () => ({ sub: name, preferred_username: name, email: `${name}@example.org` }),
  }),
});

provider.listen(3000);
