export function start(main) { main.textContent = "…"; }
