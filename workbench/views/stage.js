// A figure on its card: repainted with the theme, with words over it (readouts, states) that are not in the canvas.

function stageOf({model, view}, child = "figure") {
  const el = make("div", "stage")
  el.append(model.get_child(child))
  const figure = view.model.data[child]
  const stops = [watchTheme(view.model.document, (dark) => repaint(figure, dark))]
  model.on("remove", () => { for (const stop of stops) stop() })
  const watch = (signal, call) => { signal.connect(call); stops.push(() => signal.disconnect(call)) }
  return {el, figure, stops, watch}
}

// A range told to the browser only.
function setRange(range, start, end) {
  if (range.start === start && range.end === end) return
  range.setv({start, end}, {sync: false})
}
