// Image results as small multiples, in the order of the table, grouped by a parameter if wanted.

const gallery = document.getElementById("gallery");
const moreImages = document.getElementById("more-images");
const imageNames = [...new Set(data.images.map(([, name]) => name))];
const STEP = 30;
let imageLimit = STEP;

function buildGallery() {
  if (!imageNames.length) return;
  document.getElementById("images").hidden = false;
  moreImages.addEventListener("click", () => { imageLimit += STEP; update(true); });
  const place = document.getElementById("image-choices");
  const groups = columns.filter((column) => column.group === "parameter" && column.varies && column.values.length <= 40);
  if (imageNames.length > 1) {
    const options = imageNames.map((name) => [name, name]);
    place.append(choice("Image", options, imageName(), (value) => { view.image = value; update(); }));
  }
  if (groups.length) {
    const options = [["", "nothing"], ...groups.map((column) => [identity(column), column.name])];
    place.append(choice("Group by", options, view.group, (value) => { view.group = value; update(); }));
  }
}

function imageName() {
  return imageNames.includes(view.image) ? view.image : imageNames[0];
}

function drawGallery(selected) {
  if (!imageNames.length) return;
  const images = selected.flatMap((variant) => variant.images.filter((image) => image.name === imageName()));
  const column = columns.find((known) => identity(known) === view.group);
  const shown = column ? ordered(images, column).slice(0, imageLimit) : images.slice(0, imageLimit);
  moreImages.hidden = images.length <= imageLimit;
  moreImages.textContent = `Show more (${(images.length - shown.length).toLocaleString("en")} left)`;
  const content = column ? grouped(shown, column) : [tiles(shown)];
  gallery.replaceChildren(...(shown.length ? content : [element("p", { class: "note" }, "No image matches.")]));
}

function ordered(images, column) {
  return [...images].sort((a, b) => compare(a.variant.cells[column.place], b.variant.cells[column.place]));
}

function grouped(images, column) {
  const groups = new Map();
  for (const image of images) {
    const value = image.variant.cells[column.place];
    groups.set(value, [...(groups.get(value) ?? []), image]);
  }
  return [...groups].flatMap(([value, members]) =>
    [element("h3", {}, `${column.name} ${format(value)} `, element("small", {}, String(members.length))), tiles(members)]);
}

function tiles(images) {
  return element("ul", { class: "tiles" }, ...images.map(tile));
}

function tile(image) {
  const { variant } = image;
  const described = pairs(variant, 4).map(([name, value]) => `${name} ${value}`);
  const label = `Variant ${variant.index}${described.length ? ": " + described.join(", ") : ""}`;
  const caption = element("figcaption", { title: described.join("\n") }, pairList(variant, 4), imageAnchor(image, "↗"));
  return element("li", {}, element("figure", {},
    element("button", { type: "button", "aria-label": label, onclick: () => showDetail(variant) }, picture(image)), caption));
}
