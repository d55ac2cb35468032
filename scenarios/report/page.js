// Draws each chart from the numbers beside it, and only then folds the tables away: without scripts they stay open.
"use strict";
(() => {
  const settings = { displayModeBar: false, responsive: true };
  const charts = [...document.querySelectorAll(".chart")];
  for (const chart of charts) {
    const plot = JSON.parse(document.getElementById(`plot-${chart.dataset.plot}`).textContent);
    chart.style.height = `${chart.dataset.height}px`;
    Plotly.newPlot(chart, plot.data, plot.layout, settings);
    chart.closest("figure").querySelector("details.numbers").open = false;
  }
  const fit = (width) => charts.forEach((chart) => Plotly.relayout(chart, width ? { width } : { width: null, autosize: true }));
  window.addEventListener("beforeprint", () => fit(660));
  window.addEventListener("afterprint", () => fit(null));
  document.documentElement.classList.add("drawn");
})();
