// Figures of one quantity against another, one above the other, with words over them while they have nothing to show.
export function render({model, view}) {
  const el = make("div", "stack"), figures = view.model.data.figures
  const children = model.get_child("figures")
  for (const child of children) { const cell = make("div", "cell"); cell.append(child); el.append(cell) }
  const stops = [watchTheme(view.model.document, (dark) => { for (const f of figures) repaint(f, dark) }), ...children.map(guard)]
  const sources = figures.flatMap((f) => f.renderers.filter((r) => r.name === "cloud").map((r) => r.data_source))
  const cover = make("div", "cover")
  const look = () => { cover.textContent = model.empty; cover.hidden = sources.some((source) => entry(source.data, "time")?.length) }
  const watch = (signal) => { signal.connect(look); stops.push(() => signal.disconnect(look)) }
  for (const source of sources) { watch(source.properties.data.change); watch(source.streaming) }
  model.on("empty", look)
  look()
  const page = make("div")
  page.append(el, cover)
  atEnd({model, view}, "own", () => { for (const stop of stops) stop() })
  return page
}
