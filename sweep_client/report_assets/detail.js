// All about one variant, over the page.

const dialog = document.getElementById("detail");
dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
dialog.addEventListener("keydown", (event) => {
  const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (step) stepDetail(step);
});
let detailed = null;

function showDetail(variant) {
  detailed = variant;
  const close = element("button", { type: "button", class: "close", "aria-label": "Close", onclick: () => dialog.close() }, "×");
  const heading = element("h2", { id: "detail-title" }, `Variant ${variant.index} `, stateMark(variant.state));
  const head = element("header", {}, heading, stepper("‹", "Previous variant", -1), stepper("›", "Next variant", 1), close);
  const lists = Object.keys(GROUP_TITLES).map((group) => factList(group, variant)).filter(Boolean);
  dialog.replaceChildren(head, ...pictures(variant), ...lists, detailLinks(variant));
  if (!dialog.open) dialog.showModal();
}

function stepper(text, label, step) {
  return element("button", { type: "button", class: "step", "aria-label": label, onclick: () => stepDetail(step) }, text);
}

function stepDetail(step) {
  const place = current.indexOf(detailed);
  const next = current[place + step];
  if (place >= 0 && next) showDetail(next);
}

function factList(group, variant) {
  const known = columns.filter((column) => column.group === group && variant.cells[column.place] !== null);
  if (!known.length) return null;
  const list = element("dl", { class: "values" });
  for (const column of known) {
    const value = variant.cells[column.place];
    list.append(element("div", {}, element("dt", {}, column.name), element("dd", {}, typeof value === "number" ? String(value) : format(value))));
  }
  return element("section", {}, element("h3", {}, GROUP_TITLES[group]), list);
}

function pictures(variant) {
  const shown = variant.images.map((image) => element("figure", {}, picture(image), element("figcaption", {}, image.name, imageAnchor(image))));
  return shown.length ? [element("div", { class: "pictures" }, ...shown)] : [];
}

function picture(image) {
  if (!image.thumbnail) return element("span", { class: "absent" }, "no preview");
  return element("img", { src: image.thumbnail, alt: `${image.name} of variant ${image.variant.index}`, decoding: "async" });
}

function imageAnchor(image, text = "full size") {
  if (!image.link) return null;
  const label = `${image.name} of variant ${image.variant.index}, full size`;
  return element("a", { href: `./${image.link}`, title: "full size", "aria-label": label }, text);
}

function detailLinks(variant) {
  const link = notebookLink(variant);
  const failure = columns.find((column) => column.group === "run" && column.name === "failure");
  const label = failure && variant.cells[failure.place];
  return element("p", { class: "links" },
    link ? element("a", { href: link }, "Executed notebook") : null,
    label ? element("button", { type: "button", onclick: () => openFailure(label) }, "Show the failing cell") : null);
}

function openFailure(label) {
  const details = [...document.querySelectorAll("details[data-failure]")].find((known) => known.dataset.failure === label);
  dialog.close();
  if (!details) return;
  details.open = true;
  details.scrollIntoView({ block: "start" });
  details.querySelector("summary").focus({ preventScroll: true });
}
