// Where the page begins: its data, its table of trials, its figures. Without any of this it is whole, and only stands still.

const data = JSON.parse(document.getElementById("report-data").textContent);
if (window.innerWidth < 700) document.querySelector("nav details").open = false;
document.querySelectorAll(".trials").forEach((place) => sortable(place.querySelector("table"), data.runs[place.dataset.run].trials, data.kinds));
if ("DecompressionStream" in window) drawFigures(data);
