// What pages need beyond HTML: every part works on elements that say by a data attribute what they
// want. Nothing here decides anything; without this script all forms still work.
(() => {
  "use strict";
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const closest = (event, selector) =>
    event.target instanceof Element ? event.target.closest(selector) : null;
  const words = (name) => document.body.dataset[name] || "";

  // The browser's time zone, so that the server writes times as they are read here.
  try {
    const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
    if (zone) {
      const secure = location.protocol === "https:" ? "; Secure" : "";
      document.cookie =
        `annunciator_zone=${encodeURIComponent(zone)}; Path=/; Max-Age=31536000; SameSite=Lax${secure}`;
    }
  } catch { /* The server writes UTC. */ }

  // What was done is told once, and not again when the page is loaded anew or come back to.
  const address = new URL(location.href);
  if (address.searchParams.has("notice")) {
    address.searchParams.delete("notice");
    history.replaceState(history.state, "", address);
  }

  const toast = (text, tone = "") => {
    const place = document.getElementById("toasts");
    // Parts that refresh themselves would say the same again and again.
    if (!place || !text || [...place.children].some((note) => note.textContent === text)) return;
    const note = document.createElement("div");
    note.className = `toast ${tone}`;
    note.textContent = text;
    place.append(note);
    setTimeout(() => note.remove(), 6000);
  };

  // data-shown-when="name=value|value; name=value || name=value": shown while all of one alternative
  // hold. A field that is not shown is disabled, so that it is not posted, unless data-keep says that
  // it is to be. The class not-yet keeps from sight what the server knows to be hidden at first.
  const valueOf = (form, name) => {
    const fields = [...form.elements].filter((field) => field.name === name && !field.matches("[type=hidden]"));
    const boxes = fields.filter((field) => field.type === "checkbox");
    if (boxes.length) {
      const ticked = boxes.filter((box) => box.checked).map((box) => box.value);
      return boxes.length === 1 ? (boxes[0].checked ? "on" : "off") : ticked.join(",");
    }
    const radio = fields.find((field) => field.type === "radio" && field.checked);
    return (radio || fields.find((field) => field.type !== "radio") || { value: "" }).value.trim();
  };
  const holds = (form, condition) => {
    const found = condition.match(/^([^=!]+)(!?=)(.*)$/);
    if (!found) return true;
    const [, name, sign, wanted] = found;
    const value = valueOf(form, name.trim());
    return wanted.split("|").includes(value) === (sign === "=");
  };
  const arrange = (form) => {
    for (const part of all("[data-shown-when]", form)) {
      const shown = part.dataset.shownWhen.split("||")
        .some((all) => all.split(";").every((one) => holds(form, one.trim())));
      part.hidden = !shown;
      part.classList.remove("not-yet");
      if (!("keep" in part.dataset)) {
        for (const field of all("input, select, textarea", part)) field.disabled = !shown || "locked" in field.dataset;
      }
    }
  };

  // Changes that are not saved: forms with data-guard ask before they are left.
  // Fields with data-unguarded are no changes.
  const picture = (form) => {
    const pairs = [];
    const left = new Set([...form.elements].filter((field) => "unguarded" in field.dataset).map((field) => field.name));
    for (const [name, value] of new FormData(form)) if (!left.has(name)) pairs.push([name, value instanceof File ? value.name : value]);
    return JSON.stringify(pairs);
  };
  const pictures = new WeakMap();
  const isChanged = (form) => pictures.has(form) && pictures.get(form) !== picture(form);
  const mark = (form) => {
    const changed = isChanged(form);
    form.classList.toggle("is-changed", changed);
    for (const part of all("[data-when-changed]", form)) part.hidden = !changed;
  };
  const guarded = () => all("form[data-guard]").filter(isChanged);
  let leaving = false;
  addEventListener("beforeunload", (event) => {
    if (!leaving && guarded().length) event.preventDefault();
  });

  // data-length-of="ID": how long that field's text is, as a meter and in words. Length is what makes
  // a password strong; nothing else is looked at.
  const measure = (field) => {
    if (!field.id) return;
    for (const part of all(`[data-length-of="${CSS.escape(field.id)}"]`)) {
      const [length, { least, missing, good, strong, strongFrom }] = [[...field.value].length, part.dataset];
      const [meter, note] = [part.querySelector("meter"), part.querySelector("[role=status]")];
      part.dataset.hint ??= note.textContent;
      meter.value = length;
      if (length === 0) note.textContent = part.dataset.hint;
      else if (length < least) note.textContent = missing.replace("{left}", least - length);
      else note.textContent = length < strongFrom ? good : strong;
    }
  };

  const prepare = (root) => {
    remember(root);
    for (const form of all("form", root)) {
      arrange(form);
      if ("guard" in form.dataset && !pictures.has(form)) {
        // A form that came back with its errors holds what is not saved yet.
        pictures.set(form, form.dataset.guard === "changed" ? "" : picture(form));
        mark(form);
      }
    }
    fillFrames(root);
    const first = root.querySelector("[data-focus]");
    if (first) first.focus();
    for (const dialog of all("dialog[data-open]", root)) if (!dialog.open) dialog.showModal();
  };

  const fill = (form, values) => {
    for (const [name, value] of Object.entries(values)) {
      for (const field of [...form.elements].filter((one) => one.name === name)) {
        if (field.type === "checkbox" || field.type === "radio") field.checked = [].concat(value).includes(field.value);
        else field.value = value;
        field.dispatchEvent(new Event("input", { bubbles: true }));
      }
    }
  };
  // An answer fills a form of the page by the event `fill`; its dialog has done its work.
  document.addEventListener("fill", (event) => {
    fill(document.getElementById(event.detail.form), event.detail.fields);
    event.target.closest("dialog")?.close();
  });

  // iframe[data-filled-by="/path"]: what the form data-filled-from becomes there; only the fields
  // data-names are given. The frame is new, so that no step of the history is made.
  const fillFrames = (root) => {
    for (const frame of all("iframe[data-filled-by]", root)) {
      const source = document.getElementById(frame.dataset.filledFrom);
      const names = new Set(frame.dataset.names.split(" "));
      const form = document.createElement("form");
      Object.assign(form, { method: "post", action: frame.dataset.filledBy, target: frame.name, hidden: true });
      for (const [name, value] of new FormData(source)) {
        if (!names.has(name)) continue;
        const field = document.createElement("textarea");
        Object.assign(field, { name, value });
        form.append(field);
      }
      document.body.append(form);
      form.submit();
      form.remove();
    }
  };

  document.addEventListener("input", (event) => {
    const form = event.target.form;
    if (form) { arrange(form); mark(form); }
    measure(event.target);
  });
  document.addEventListener("change", (event) => {
    const field = event.target;
    if (field.form) { arrange(field.form); mark(field.form); }
    if ("submitOnChange" in field.dataset && field.form) field.form.requestSubmit();
    if ("selectAll" in field.dataset) {
      for (const box of all(`input[name="${CSS.escape(field.dataset.selectAll)}"]`, field.form || document)) {
        box.checked = field.checked;
      }
      document.dispatchEvent(new CustomEvent("console:selection"));
    }
    if (field.matches("[data-row-select]")) document.dispatchEvent(new CustomEvent("console:selection"));
  });
  // How many rows are ticked, for bars that act on them: data-selection="name".
  const countSelection = () => {
    for (const bar of all("[data-selection]")) {
      const boxes = all(`input[data-row-select][name="${CSS.escape(bar.dataset.selection)}"]`);
      const count = boxes.filter((box) => box.checked).length;
      bar.hidden = count === 0;
      for (const place of all("[data-selection-count]", bar)) place.textContent = count;
      for (const box of boxes) {
        const row = box.closest("tr");
        if (row) row.setAttribute("aria-selected", box.checked ? "true" : "false");
      }
    }
  };
  document.addEventListener("console:selection", countSelection);

  document.addEventListener("submit", (event) => {
    const form = event.target;
    const submitter = event.submitter;
    const question = (submitter && submitter.dataset.confirm) || form.dataset.confirm;
    if (question && !window.confirm(question)) {
      event.preventDefault();
      event.stopImmediatePropagation();
      return;
    }
    const stays = form.hasAttribute("hx-post") || "stream" in form.dataset || submitter?.hasAttribute("data-stream") || submitter?.formTarget;
    if (!stays) leaving = true;
  }, true);

  document.addEventListener("click", (event) => {
    const opener = closest(event, "[data-dialog]");
    if (opener) {
      const dialog = document.getElementById(opener.dataset.dialog);
      if (dialog) { dialog.showModal(); event.preventDefault(); }
    }
    const closer = closest(event, "[data-close]");
    if (closer) {
      const dialog = closer.closest("dialog");
      if (dialog) {
        dialog.close();
        event.preventDefault();
        // A link in a dialog leads to a field below it.
        if (closer.hash) document.getElementById(closer.hash.slice(1))?.focus();
      }
    }
    for (const picker of all("details.picker[open]")) if (!picker.contains(event.target)) picker.open = false;
    const menu = closest(event, "[data-menu]");
    if (menu) {
      const open = document.getElementById("menu").classList.toggle("is-open");
      menu.setAttribute("aria-expanded", open ? "true" : "false");
    }
    const copier = closest(event, "[data-copy]");
    if (copier) {
      const text = copier.dataset.copy || document.getElementById(copier.dataset.copyFrom)?.textContent;
      navigator.clipboard?.writeText(text || "").then(() => toast(words("copied")), () => {});
    }
    // data-insert="%NAME%" puts a text into the field named by data-into, where its cursor is;
    // data-insert-select="NAME" selects that part of it, to be typed over.
    const inserter = closest(event, "[data-insert]");
    if (inserter) {
      const field = document.getElementById(inserter.dataset.into);
      if (field) {
        field.focus();
        const [from, to] = [field.selectionStart ?? field.value.length, field.selectionEnd ?? field.value.length];
        field.setRangeText(inserter.dataset.insert, from, to, "end");
        const part = inserter.dataset.insertSelect;
        if (part) {
          const at = from + inserter.dataset.insert.indexOf(part);
          field.setSelectionRange(at, at + part.length);
        }
        field.dispatchEvent(new Event("input", { bubbles: true }));
      }
      const list = inserter.closest("details");
      if (list) list.open = false;
      event.preventDefault();
    }
    // data-append="%NAME%" puts a text at the end of that field, after data-joiner where it has one
    // already.
    const appender = closest(event, "[data-append]");
    if (appender) {
      const field = document.getElementById(appender.dataset.into);
      field.value += (field.value && appender.dataset.joiner) + appender.dataset.append;
      field.dispatchEvent(new Event("input", { bubbles: true }));
    }
    // data-set='{"field":"value"}' fills fields of the form, such as a reset to defaults.
    const setter = closest(event, "[data-set]");
    if (setter) {
      fill(setter.form || setter.closest("form"), JSON.parse(setter.dataset.set));
      event.preventDefault();
    }
    // data-add-row="/path" data-into-list="ID": one more row of a list of fields, numbered on.
    const adder = closest(event, "[data-add-row]");
    if (adder && window.htmx) {
      const list = document.getElementById(adder.dataset.intoList);
      const at = 1 + Math.max(-1, ...[...list.children].map((row) => Number(row.id.split("-").pop()) || 0));
      const join = adder.dataset.addRow.includes("?") ? "&" : "?";
      htmx.ajax("GET", `${adder.dataset.addRow}${join}at=${at}`, { target: list, swap: "beforeend" })
        .then(() => list.lastElementChild?.querySelector("input, select")?.focus());
    }
    const remover = closest(event, "[data-remove]");
    if (remover) {
      const row = document.getElementById(remover.dataset.remove);
      const form = remover.closest("form");
      if (row) row.remove();
      if (form) form.dispatchEvent(new Event("change", { bubbles: true }));
    }
    const revealer = closest(event, "[data-reveal]");
    if (revealer) {
      const field = document.getElementById(revealer.dataset.reveal);
      const hidden = field.type === "password";
      field.type = hidden ? "text" : "password";
      revealer.setAttribute("aria-pressed", hidden ? "true" : "false");
    }
  });

  // Forms with data-stream="ID": the answer is shown in that element piece by piece as it comes.
  document.addEventListener("submit", async (event) => {
    const form = event.target;
    const submitter = event.submitter;
    const place = (submitter && submitter.dataset.stream) || form.dataset.stream;
    if (!place || event.defaultPrevented) return;
    event.preventDefault();
    const target = document.getElementById(place);
    const dialog = target.closest("dialog");
    if (dialog && !dialog.open) dialog.showModal();
    target.textContent = "";
    target.setAttribute("aria-busy", "true");
    if (submitter) submitter.disabled = true;
    const body = new URLSearchParams(new FormData(form));
    if (submitter && submitter.name) body.append(submitter.name, submitter.value);
    const stop = new AbortController();
    if (dialog) dialog.addEventListener("close", () => stop.abort(), { once: true });
    try {
      const answer = await fetch((submitter && submitter.formAction) || form.action, {
        method: "POST", body, signal: stop.signal, headers: { "HX-Request": "true", "HX-Current-URL": location.href },
      });
      const lead = answer.headers.get("HX-Redirect");
      if (lead) { leaving = true; location.assign(lead); return; }
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      let waiting = "";
      for (;;) {
        const { value, done } = await reader.read();
        if (done) break;
        waiting += value;
        // A piece ends with an empty comment.
        const end = waiting.lastIndexOf("<!---->");
        if (end >= 0) {
          target.insertAdjacentHTML("beforeend", waiting.slice(0, end));
          waiting = waiting.slice(end + 7);
          target.lastElementChild?.scrollIntoView({ block: "nearest" });
        }
      }
      target.insertAdjacentHTML("beforeend", waiting);
    } catch (error) {
      if (error.name !== "AbortError") {
        const note = document.createElement("p");
        note.className = "notice bad";
        note.textContent = words("failed");
        target.append(note);
      }
    } finally {
      target.setAttribute("aria-busy", "false");
      if (submitter) submitter.disabled = false;
    }
  });

  // A click beside a dialog closes it.
  document.addEventListener("mousedown", (event) => {
    if (event.target instanceof HTMLDialogElement && event.target.open) {
      const box = event.target.getBoundingClientRect();
      const inside = event.clientX >= box.left && event.clientX <= box.right && event.clientY >= box.top && event.clientY <= box.bottom;
      if (!inside && !event.target.querySelector("form.is-changed")) event.target.close();
    }
  });

  // "/" goes to the filter of the page.
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest?.("input, textarea, select, [contenteditable]");
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
      const filter = document.querySelector("[data-filter]");
      if (filter) { filter.focus(); filter.select(); event.preventDefault(); }
    }
    if (event.key === "Escape") {
      const picker = event.target.closest?.("details.picker[open]");
      if (picker) { picker.open = false; picker.querySelector("summary").focus(); }
      const menu = document.getElementById("menu");
      if (menu?.classList.contains("is-open")) document.querySelector("[data-menu]").click();
    }
  });

  // data-merge: rows that a part asks for again and again are put in by their ids: new ones where
  // they belong, changed ones in place, all others stay as they are. While somebody points at a row,
  // or works in one, nothing is put in above it; the element that data-merge names counts what waits.
  const sources = new WeakMap();
  const remember = (root) => {
    const places = all("[data-merge]", root);
    if (root instanceof Element && root.matches("[data-merge]")) places.push(root);
    for (const place of places) for (const row of place.children) if (!sources.has(row)) sources.set(row, row.outerHTML);
  };
  const merge = (place, html) => {
    const coming = document.createElement("template");
    coming.innerHTML = html;
    const rows = [...coming.content.children].filter((row) => row.id);
    const held = document.getElementById(place.dataset.merge);
    const isRead = held && (place.matches(":hover") || place.contains(document.activeElement));
    let [next, waiting] = [null, 0];
    for (const row of [...rows].reverse()) {
      const known = document.getElementById(row.id);
      const source = row.outerHTML;
      if (!known) {
        if (isRead && next !== null) { waiting += 1; continue; }
        row.classList.add("is-new");
        place.insertBefore(row, next ?? (held ? place.firstElementChild : null));
      } else if (sources.get(known) !== source && !known.contains(document.activeElement)) {
        const open = all("details", known).map((part) => part.open);
        all("details", row).forEach((part, at) => { part.open = open[at] ?? false; });
        known.replaceWith(row);
      }
      next = document.getElementById(row.id);
      if (next === row) { sources.set(row, source); window.htmx?.process(row); }
    }
    const ids = new Set(rows.map((row) => row.id));
    for (const row of [...place.children]) if (!isRead && !ids.has(row.id)) row.remove();
    for (const count of all("[data-count]")) if (count.dataset.count === place.id) count.textContent = place.children.length;
    if (held) {
      held.hidden = waiting === 0;
      held.textContent = waiting ? `${held.dataset.held} ${waiting}` : "";
    }
  };
  document.addEventListener("htmx:beforeSwap", (event) => {
    const { target, xhr } = event.detail;
    if (!("merge" in target.dataset) || event.detail.isError) return;
    event.detail.swapOverride = "none";
    merge(target, xhr.responseText);
  });

  document.addEventListener("htmx:afterSettle", (event) => { prepare(event.target); countSelection(); });
  // A field that an answer puts into a form beside its own part is a change like any other.
  document.addEventListener("htmx:oobAfterSwap", () => { for (const form of all("form[data-guard]")) { arrange(form); mark(form); } });
  document.addEventListener("htmx:sendError", () => toast(words("failed"), "bad"));
  // Parts that refresh themselves rest while a dialog is open, rows are ticked or the page is hidden.
  document.addEventListener("htmx:beforeRequest", (event) => {
    const part = event.target;
    if (!("live" in part.dataset)) return;
    const open = "merge" in part.dataset ? "input:checked[data-row-select]" : "input:checked[data-row-select], details[open]";
    const busy = document.hidden || part.querySelector(open) || document.querySelector("dialog[open]");
    if (busy) event.preventDefault();
  });

  const start = () => { prepare(document); countSelection(); };
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
