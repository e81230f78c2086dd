// Search over the sections in window.PAGES ([page, anchor, title, text]), the theme, the menu, and copying code.
(() => {
  const root = document.documentElement, up = root.dataset.up
  const box = document.getElementById("search"), list = document.getElementById("found")
  const fold = text => text.toLowerCase().normalize("NFKD").replace(/[\u0300-\u036f]/g, "")
  const pages = (window.PAGES || []).map(([page, anchor, title, text]) =>
    ({page, anchor, title, text, t: fold(title), x: fold(text)}))
  const names = {}
  for (const each of pages) names[each.page] ??= each.title

  const find = asked => {
    const words = fold(asked).split(/\s+/).filter(Boolean)
    if (!words.length) return []
    const scored = []
    for (const each of pages) {
      let score = 0
      for (const word of words) {
        const inTitle = each.t.indexOf(word), inText = each.x.indexOf(word)
        if (inTitle < 0 && inText < 0) { score = 0; break }
        if (inTitle >= 0) score += each.t === word ? 60 : inTitle === 0 || /\W/.test(each.t[inTitle - 1]) ? 30 : 12
        if (inText >= 0) score += Math.min(8, each.x.split(word).length - 1)
      }
      if (score) scored.push([score - Math.min(3, each.x.length / 4000) - (each.page.startsWith("decisions/0") ? 6 : 0), each])
    }
    return scored.sort((a, b) => b[0] - a[0]).slice(0, 12).map(([, each]) => [each, words])
  }

  const marked = (text, words) => {
    const out = document.createElement("small"), low = fold(text)
    const safe = low.length === text.length ? low : text.toLowerCase()
    const at = Math.max(0, Math.min(...words.map(w => safe.indexOf(w)).filter(i => i >= 0), 1e9))
    const start = at > 1e8 ? 0 : Math.max(0, at - 50)
    let rest = (start ? "… " : "") + text.slice(start, start + 170)
    while (rest) {
      const hits = words.map(w => [rest.toLowerCase().indexOf(w), w]).filter(([i]) => i >= 0).sort((a, b) => a[0] - b[0])
      if (!hits.length) { out.append(rest); break }
      const [i, w] = hits[0], m = document.createElement("mark")
      m.textContent = rest.slice(i, i + w.length)
      out.append(rest.slice(0, i), m)
      rest = rest.slice(i + w.length)
    }
    return out
  }

  let on = -1
  const show = () => {
    const found = find(box.value)
    list.replaceChildren()
    on = -1
    list.hidden = !box.value.trim()
    for (const [each, words] of found) {
      const item = document.createElement("li"), link = document.createElement("a")
      link.href = `${up}${each.page}#${each.anchor}`
      const head = names[each.page]
      link.append(each.title === head ? head : `${each.title} · ${head}`, marked(each.text, words))
      item.append(link)
      list.append(item)
    }
    if (!found.length) {
      const none = document.createElement("p")
      none.textContent = "Nothing says that. Try fewer or shorter words."
      list.append(none)
    }
  }
  const pick = step => {
    const links = [...list.querySelectorAll("a")]
    if (!links.length) return
    links[on]?.classList.remove("on")
    on = (on + step + links.length) % links.length
    links[on].classList.add("on")
    links[on].scrollIntoView({block: "nearest"})
  }
  box.addEventListener("input", show)
  box.form.addEventListener("submit", event => {
    event.preventDefault()
    const link = list.querySelectorAll("a")[Math.max(0, on)]
    if (link) { location.href = link.href; list.hidden = true }
  })
  box.addEventListener("keydown", event => {
    if (event.key === "ArrowDown") pick(1)
    else if (event.key === "ArrowUp") pick(-1)
    else if (event.key === "Escape") { box.value = ""; show(); box.blur() } else return
    event.preventDefault()
  })
  document.addEventListener("keydown", event => {
    if (event.key === "/" && document.activeElement !== box) { event.preventDefault(); box.focus() }
  })
  document.addEventListener("click", event => { if (!event.target.closest("header")) list.hidden = true })
  list.addEventListener("click", () => { list.hidden = true })

  const kept = name => { try { return localStorage.getItem(name) } catch { return null } }
  const theme = document.getElementById("theme"), system = matchMedia("(prefers-color-scheme: dark)")
  const dark = () => root.dataset.theme ? root.dataset.theme === "dark" : system.matches
  const say = () => { theme.textContent = dark() ? "Light" : "Dark" }
  if (kept("guide-theme")) root.dataset.theme = kept("guide-theme")
  say()
  system.addEventListener("change", say)
  theme.addEventListener("click", () => {
    root.dataset.theme = dark() ? "light" : "dark"
    try { localStorage.setItem("guide-theme", root.dataset.theme) } catch { /* not kept */ }
    say()
  })

  const current = document.querySelector("nav [aria-current]")
  if (current) current.closest("nav").scrollTop = Math.max(0, current.offsetTop - 200)

  const menu = document.getElementById("menu"), nav = document.getElementById("contents")
  menu.addEventListener("click", () => menu.setAttribute("aria-expanded", String(nav.classList.toggle("open"))))

  if (navigator.clipboard) for (const pre of document.querySelectorAll("pre")) {
    const copy = document.createElement("button")
    copy.type = "button"
    copy.textContent = "Copy"
    copy.addEventListener("click", async () => {
      await navigator.clipboard.writeText(pre.querySelector("code").textContent)
      copy.textContent = "Copied"
      setTimeout(() => { copy.textContent = "Copy" }, 1500)
    })
    pre.append(copy)
  }
})()
