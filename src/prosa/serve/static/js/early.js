// Before anything is drawn: the chosen colours and language, so that neither flashes. A plain script, not a module,
// for that reason.
(() => {
  const kept = (name) => {
    try {
      return localStorage.getItem(name);
    } catch {
      return null;
    }
  };
  const theme = kept("prosa.theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
  document.documentElement.lang =
    kept("prosa.lang") ?? (navigator.language.toLowerCase().startsWith("pt") ? "pt-BR" : "en");
})();
