// Elements and their texts. What a provider or an SMS says is shown as text: nothing here, and
// nothing in the console, makes elements of it.

const SAID_SECONDS = 20;
let silence; // the timer that ends what is said

/** The element with an id. */
export const byId = (id) => document.getElementById(id);

/** A copy of the first element of a template. */
export const copyOf = (template) => byId(template).content.firstElementChild.cloneNode(true);

/** Within `root`, the element that bears a name in data-part. */
export const part = (root, name) => root.querySelector(`[data-part="${name}"]`);

/** Set the texts of the parts of `root`, by their names; a part without a text is hidden. */
export function fill(root, texts) {
  for (const [name, text] of Object.entries(texts)) say(part(root, name), text);
}

/** Set an element's text; hide it where there is none. Repeated texts touch nothing. */
export function say(element, text) {
  const shown = text == null ? "" : String(text);
  if (element.textContent !== shown) element.textContent = shown;
  element.hidden = shown === "";
}

/**
 * Make the children of `list` those of `items`, in that order.
 *
 * The element of an item that stays is kept and updated, so that it keeps the focus.
 *
 * @param {Element} list
 * @param {object[]} items
 * @param {(item: object) => string} keyOf  what tells one item from another
 * @param {string} template  the id of the template of an element
 * @param {(element: Element, item: object) => void} update
 * @param {(element: Element) => void} [made]  called once for each new element
 */
export function showList(list, items, keyOf, template, update, made = () => {}) {
  const keys = new Set(items.map(keyOf));
  for (const element of [...list.children]) if (!keys.has(element.dataset.key)) element.remove();
  const kept = new Map([...list.children].map((element) => [element.dataset.key, element]));
  let next = list.firstElementChild;
  for (const item of items) {
    const element = kept.get(keyOf(item)) ?? copyOf(template);
    if (!element.dataset.key) {
      element.dataset.key = keyOf(item);
      made(element);
    }
    update(element, item);
    if (element === next) next = next.nextElementSibling;
    else list.insertBefore(element, next);
  }
}

/** Tell what happened: for a while at the foot of the page, and read out by a screen reader. */
export function announce(text) {
  clearTimeout(silence);
  silence = setTimeout(() => say(byId("said"), null), SAID_SECONDS * 1000);
  say(byId("said"), text);
}

/**
 * Run an action of a button or form: one at a time, and with its failure told beside it.
 *
 * @param {HTMLElement} within  has a part `error`; its buttons rest meanwhile
 * @param {() => Promise<void>} action
 */
export async function attempt(within, action) {
  if (within.ariaBusy === "true") return;
  within.ariaBusy = "true";
  say(part(within, "error"), null);
  try {
    await action();
  } catch (fault) {
    say(part(within, "error"), fault.message);
  } finally {
    within.ariaBusy = "false";
  }
}

/** The filled-in fields of a form by their names; a ticked box is true. */
export function fieldsOf(form) {
  const fields = {};
  for (const field of form.elements) {
    if (!field.name || field.closest("[hidden]")) continue;
    if (field.type === "checkbox") {
      if (field.checked) fields[field.name] = true;
    } else if (field.value.trim()) fields[field.name] = field.value.trim();
  }
  return fields;
}

/** Copy the text of an element, which `what` names; where the browser has no clipboard for us, select it. */
export async function copyText(element, what) {
  const text = element.textContent;
  try {
    await navigator.clipboard.writeText(text);
    announce(`Copied: ${what} ${text}`);
  } catch {
    getSelection().selectAllChildren(element);
    announce(`Selected: ${what} ${text}`);
  }
}
