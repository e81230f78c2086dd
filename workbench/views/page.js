// What belongs to the tab: the URL, the theme a person chose, what the server has to say.
export function render({model, view}) {
  const el = make("div", "tab")
  const page = pageOf(view.model.document)
  const KEY = "workbench-theme"
  const read = () => { try { return localStorage.getItem(KEY) } catch { return null } }
  const keep = (v) => { try { localStorage.setItem(KEY, v) } catch { /* a private window */ } }
  const system = matchMedia("(prefers-color-scheme: dark)")
  const given = new URLSearchParams(location.search).get("theme")
  let chosen = given === "dark" || given === "light" ? given : null
  if (page) {
    const want = (chosen ?? read() ?? (system.matches ? "dark" : "light")) === "dark"
    if (page.data.dark_theme !== want) page.data.dark_theme = want
  }
  const unwatch = watchTheme(view.model.document, () => {})

  // A choice of a moment replaces the last one in the history; a new one can be undone with the browser's Back. Each
  // entry knows all that it shows, also where its address does not say so.
  const known = () => history.state?.query
  const address = (query) => {
    const url = new URL(location.href), params = new URLSearchParams(query)
    for (const [key, value] of url.searchParams) if (/^(zoom\d+|map|catalog|page)$/.test(key)) params.set(key, value)  // the plots', the launcher's
    if (chosen) params.set("theme", chosen)
    url.search = params.toString().replace(/%2C/g, ",").replace(/%3A/g, ":").replace(/%2F/g, "/")
    return url
  }
  history.replaceState({query: model.query}, "")
  let last = 0
  model.on("query", () => {
    const query = model.query, now = Date.now()
    if (query === known()) return
    history[now - last > 1500 ? "pushState" : "replaceState"]({query}, "", address(query))
    last = now
  })
  const back = () => {
    last = Date.now()
    model.asked = {query: known() ?? location.search, n: last}
  }
  addEventListener("popstate", back)
  if (page) {
    page.data.properties.dark_theme.change.connect(() => {
      chosen = page.data.dark_theme ? "dark" : "light"
      keep(chosen)
      history.replaceState(history.state, "", address(location.search))
    })
  }
  // A wall screen must come back by itself: when the server is gone, say so, and load the page again when it is there.
  const banner = make("div", "lost")
  banner.setAttribute("role", "alert")
  banner.hidden = true
  el.append(banner)
  let gone = false
  const lost = async () => {
    if (gone) return
    gone = true
    const since = Date.now()
    for (;;) {
      banner.hidden = false
      banner.textContent = `No connection to the board for ${ago(Date.now() - since)}. What you see stands still; it comes back by itself.`
      await new Promise((done) => setTimeout(done, 2000))
      const answer = await fetch(new URL(model.health, document.baseURI), {cache: "no-store"}).catch(() => null)
      if (answer?.ok) { location.reload(); return }
    }
  }
  view.model.document.on_event("connection_lost", lost)

  const tick = () => setClock(model.clock)
  model.on("clock", tick)
  tick()
  // Python learns from Bokeh that the page is drawn, once the last of all pictures says so: one that cannot be drawn must
  // not keep the other cards waiting for ever.
  const drawn = setTimeout(() => { model.drawn = true }, 5000)
  atEnd({model, view}, "own", () => { clearTimeout(drawn); unwatch(); removeEventListener("popstate", back) })
  return el
}
