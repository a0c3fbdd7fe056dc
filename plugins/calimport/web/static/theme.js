// Airflow's colours. Not a module, so that it runs before anything is drawn: a light page does not flash up in the dark.
"use strict";
(() => {
  let airflow = null; // the document of Airflow's own page, where ours is in its frame
  try {
    if (parent !== window && parent.document) airflow = parent.document.documentElement;
  } catch {
    // Framed by another website, which the policy of our pages forbids.
  }
  const NAMES = { bg: "bg", fg: "fg", "fg-muted": "muted", border: "border", "bg-subtle": "subtle", "brand-solid": "brand" };
  const wanted = matchMedia("(prefers-color-scheme: dark)");

  const isDark = () => {
    if (airflow) return airflow.classList.contains("dark");
    const chosen = localStorage.getItem("theme"); // where Airflow keeps it
    return chosen === "dark" || (chosen !== "light" && wanted.matches);
  };
  const apply = () => {
    const own = document.documentElement;
    own.classList.toggle("dark", isDark());
    if (!airflow) return;
    const theirs = getComputedStyle(airflow);
    for (const [name, ours] of Object.entries(NAMES)) {
      const value = theirs.getPropertyValue(`--chakra-colors-${name}`).trim();
      if (value && !value.startsWith("var(")) own.style.setProperty(`--${ours}`, value);
    }
  };
  apply();
  if (airflow) new MutationObserver(apply).observe(airflow, { attributes: true, attributeFilter: ["class"] });
  wanted.addEventListener("change", apply);
  addEventListener("storage", (event) => {
    if (event.key === "theme") apply();
    if (event.key === "timezone") location.reload();
  });
})();
