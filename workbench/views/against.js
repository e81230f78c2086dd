// Figures of one quantity against another, one above the other: nothing but the theme and who has the wheel.
export function render({model, view}) {
  const el = make("div", "stack"), figures = view.model.data.figures
  const children = model.get_child("figures")
  for (const child of children) { const cell = make("div", "cell"); cell.append(child); el.append(cell) }
  const stops = [watchTheme(view.model.document, (dark) => { for (const f of figures) repaint(f, dark) }), ...children.map(guard)]
  model.on("remove", () => { for (const stop of stops) stop() })
  return el
}
