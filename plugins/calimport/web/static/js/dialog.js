// Questions. Airflow's frame lets no page use confirm(), and a <dialog> keeps the keyboard where it belongs.
import { h } from "./dom.js";

/** Asks; true where the answer is yes. `extra` is put under the text. */
export function confirmed(question, { text, yes = "Yes", danger = false, extra = null } = {}) {
  return new Promise((resolve) => {
    const answer = h("button", { type: "submit", value: "yes", class: danger ? "danger" : "main" }, yes);
    const dialog = h("dialog", { "aria-labelledby": "question" },
      h("form", { method: "dialog" },
        h("h2", { id: "question" }, question), text && h("p", {}, text), extra,
        h("div", { class: "bar" }, h("button", { type: "submit", value: "no", autofocus: true }, "Cancel"), answer)));
    // Not by submitting the form alone: the policy of our pages, and Airflow's frame, may forbid forms.
    dialog.addEventListener("submit", (event) => {
      event.preventDefault();
      dialog.close(event.submitter?.value);
    });
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

/** Shows something until it is closed. */
export function opened(title, ...children) {
  const close = h("button", { type: "button", autofocus: true, onclick: () => dialog.close() }, "Close");
  const dialog = h("dialog", { "aria-labelledby": "title" }, h("h2", { id: "title", class: "wrap" }, title), children,
    h("div", { class: "bar" }, close));
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}
