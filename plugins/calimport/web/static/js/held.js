import { h } from "./dom.js";
export async function held() {
  return h("p", { class: "muted" }, "No deletions are held.");
}
