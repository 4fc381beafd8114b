// The theme, before anything is drawn: dark, unless a person has chosen light.
(() => {
  let theme = null;
  try {
    theme = localStorage.getItem("cryobatch-theme");
  } catch {
    // A browser that keeps nothing shows the dark one.
  }
  document.documentElement.dataset.theme = theme === "light" ? "light" : "dark";
})();
