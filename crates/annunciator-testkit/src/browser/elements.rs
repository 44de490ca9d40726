//! CSS selectors into elements of the open page, and what a person does with them.
//!
//! Failure: what the page does not have or allow after a while panics, with what it shows.

use std::path::Path;
use std::thread;
use std::time::Instant;

use serde_json::{Value, json};

use super::driver::Refusal;
use super::{Browser, LOOK_EVERY, PATIENCE, done, word};

/// The standard's name of a reference to an element.
const REFERENCE: &str = "element-6066-11e4-a52e-4f735466cecf";
const SET_VALUE: &str = "
const [field, value] = arguments;
field.value = value;
for (const kind of ['input', 'change']) field.dispatchEvent(new Event(kind, { bubbles: true }));";

/// An element of the page as it was when found; it panics when the page has replaced it since.
#[derive(Clone)]
pub struct Element<'a> {
    browser: &'a Browser,
    id: String,
    /// How it was found.
    selector: String,
}

impl<'a> Element<'a> {
    /// Clicks its middle.
    #[track_caller]
    pub fn click(&self) {
        self.done("click", self.post("click", &json!({})));
    }

    /// Types into it, without clearing it before.
    #[track_caller]
    pub fn type_text(&self, text: &str) {
        self.done("type", self.post("value", &json!({ "text": text })));
    }

    /// The text that it shows.
    #[must_use]
    #[track_caller]
    pub fn text(&self) -> String {
        word(&self.done("text", self.get("text")))
    }

    /// An attribute, if it has it.
    #[must_use]
    #[track_caller]
    pub fn attribute(&self, name: &str) -> Option<String> {
        let value = self.done("attribute", self.get(&format!("attribute/{name}")));
        value.as_str().map(str::to_owned)
    }

    /// What a field holds.
    #[must_use]
    #[track_caller]
    pub fn value(&self) -> String {
        word(&self.done("value", self.get("property/value")))
    }

    /// Whether a person can see it.
    #[must_use]
    #[track_caller]
    pub fn is_shown(&self) -> bool {
        self.done("is shown", self.get("displayed")) == true
    }

    /// Whether it is not disabled.
    #[must_use]
    #[track_caller]
    pub fn is_enabled(&self) -> bool {
        self.done("is enabled", self.get("enabled")) == true
    }

    /// Whether a box is checked, or an option selected.
    #[must_use]
    #[track_caller]
    pub fn is_selected(&self) -> bool {
        self.done("is selected", self.get("selected")) == true
    }

    /// A computed value of its style, such as `rgb(0, 0, 0)` for `color`.
    #[must_use]
    #[track_caller]
    pub fn style(&self, property: &str) -> String {
        word(&self.done("style", self.get(&format!("css/{property}"))))
    }

    /// The name that a screen reader says.
    #[must_use]
    #[track_caller]
    pub fn label(&self) -> String {
        word(&self.done("label", self.get("computedlabel")))
    }

    /// The first such element within it, which is not waited for.
    #[must_use]
    #[track_caller]
    pub fn find(&self, css: &str) -> Element<'a> {
        let found = self.done("an element", self.post("element", &by(css)));
        self.browser.element(&found, css).expect("the driver answers with an element")
    }

    /// All elements within it.
    #[must_use]
    #[track_caller]
    pub fn find_all(&self, css: &str) -> Vec<Element<'a>> {
        let found = self.post("elements", &by(css));
        self.browser.elements(&self.done("elements", found), css)
    }

    /// Itself as an argument of [`Browser::script_with`].
    #[must_use]
    pub fn reference(&self) -> Value {
        json!({ REFERENCE: self.id })
    }

    fn get(&self, path: &str) -> Result<Value, Refusal> {
        self.browser.session.get(&format!("element/{}/{path}", self.id))
    }

    fn post(&self, path: &str, body: &Value) -> Result<Value, Refusal> {
        self.browser.session.post(&format!("element/{}/{path}", self.id), body)
    }

    #[track_caller]
    fn done(&self, what: &str, result: Result<Value, Refusal>) -> Value {
        done(&format!("{what} of `{}`", self.selector), result)
    }
}

impl Browser {
    /// The first such element, which is waited for.
    #[must_use]
    #[track_caller]
    pub fn find(&self, css: &str) -> Element<'_> {
        self.on("there is", css, |element| Ok(element.clone()))
    }

    /// All such elements that there are now.
    #[must_use]
    #[track_caller]
    pub fn find_all(&self, css: &str) -> Vec<Element<'_>> {
        let found = self.session.post("elements", &by(css));
        self.elements(&done(&format!("elements `{css}`"), found), css)
    }

    /// The first such element that shows exactly this text, which is waited for.
    #[must_use]
    #[track_caller]
    pub fn find_text(&self, css: &str, text: &str) -> Element<'_> {
        let what = format!("`{css}` with `{text}`");
        self.poll(&what, || self.showing(css, |shown| shown == text))
    }

    /// The first such element with this part in the text that it shows, such as a row of a table;
    /// it is waited for.
    #[must_use]
    #[track_caller]
    pub fn find_containing(&self, css: &str, part: &str) -> Element<'_> {
        let what = format!("`{css}` that contains `{part}`");
        self.poll(&what, || self.showing(css, |shown| shown.contains(part)))
    }

    fn showing(&self, css: &str, fits: impl Fn(&str) -> bool) -> Result<Element<'_>, Refusal> {
        let found = self.session.post("elements", &by(css))?;
        for element in self.elements(&found, css) {
            if fits(word(&element.get("text")?).trim()) {
                return Ok(element);
            }
        }
        Err(Refusal::absent(css))
    }

    /// The element that has the focus.
    #[must_use]
    #[track_caller]
    pub fn focused(&self) -> Element<'_> {
        let found = done("the element with the focus", self.session.get("element/active"));
        self.element(&found, "the focus").expect("the driver answers with an element")
    }

    /// Clicks the first such element.
    #[track_caller]
    pub fn click(&self, css: &str) {
        self.on("click", css, |element| element.post("click", &json!({})).map(drop));
    }

    /// Clicks on what sends a form or follows a link, and waits for the page that comes of it.
    ///
    /// What the page before shows cannot be taken for an answer then.
    #[track_caller]
    pub fn click_through(&self, css: &str) {
        self.script("document.documentElement.dataset.left = 'yes'");
        self.click(css);
        self.wait_for("html:not([data-left]) body");
    }

    /// Clicks the first such element that shows exactly this text.
    #[track_caller]
    pub fn click_text(&self, css: &str, text: &str) {
        self.poll(&format!("click `{css}` with `{text}`"), || {
            let element = self.showing(css, |shown| shown == text)?;
            element.post("click", &json!({})).map(drop)
        });
    }

    /// Clears a field and types into it.
    #[track_caller]
    pub fn type_into(&self, css: &str, text: &str) {
        self.on("type into", css, |element| {
            element.post("clear", &json!({}))?;
            element.post("value", &json!({ "text": text })).map(drop)
        });
    }

    /// Sets what a field holds at once, for kinds whose keys depend on the place of the world:
    /// dates, times, colours, ranges.
    #[track_caller]
    pub fn set_value(&self, css: &str, value: &str) {
        self.on("set the value of", css, |element| {
            let body = json!({ "script": SET_VALUE, "args": [element.reference(), value] });
            self.session.post("execute/sync", &body).map(drop)
        });
    }

    /// Selects the option of a list that shows this text or has this value.
    #[track_caller]
    pub fn select(&self, css: &str, option: &str) {
        self.on(&format!("select `{option}` of"), css, |element| {
            let found = element.post("elements", &by("option"))?;
            for one in self.elements(&found, "option") {
                let (text, value) = (one.get("property/text")?, one.get("property/value")?);
                if word(&text).trim() == option || word(&value) == option {
                    return one.post("click", &json!({})).map(drop);
                }
            }
            Err(Refusal::absent(option))
        });
    }

    /// Gives a file to a field for files.
    #[track_caller]
    pub fn upload(&self, css: &str, path: &Path) {
        let path =
            path.canonicalize().unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let text = path.to_str().expect("a path of a test is UTF-8");
        self.on("upload to", css, |element| {
            element.post("value", &json!({ "text": text })).map(drop)
        });
    }

    /// The text that the first such element shows.
    #[must_use]
    #[track_caller]
    pub fn text(&self, css: &str) -> String {
        self.on("text of", css, |element| element.get("text").map(|it| word(&it)))
    }

    /// An attribute of the first such element, if it has it.
    #[must_use]
    #[track_caller]
    pub fn attribute(&self, css: &str, name: &str) -> Option<String> {
        self.on("attribute of", css, |element| {
            Ok(element.get(&format!("attribute/{name}"))?.as_str().map(str::to_owned))
        })
    }

    /// What the first such field holds.
    #[must_use]
    #[track_caller]
    pub fn value(&self, css: &str) -> String {
        self.on("value of", css, |element| element.get("property/value").map(|it| word(&it)))
    }

    /// Whether there is such an element now that a person can see.
    #[must_use]
    #[track_caller]
    pub fn is_shown(&self, css: &str) -> bool {
        let shown = self.any_shown(css);
        // A page that has just changed shows nothing of what it was.
        shown.unwrap_or_else(|refusal| {
            assert!(refusal.may_pass(), "whether `{css}` is shown: {refusal}");
            false
        })
    }

    fn any_shown(&self, css: &str) -> Result<bool, Refusal> {
        let found = self.session.post("elements", &by(css))?;
        for element in self.elements(&found, css) {
            if element.get("displayed")? == true {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Waits until a person can see such an element; gives the first there is.
    #[track_caller]
    pub fn wait_for(&self, css: &str) -> Element<'_> {
        self.wait_until(&format!("`{css}` is shown"), || self.is_shown(css));
        self.find(css)
    }

    /// Waits until a person can see no such element.
    #[track_caller]
    pub fn wait_until_gone(&self, css: &str) {
        self.wait_until(&format!("`{css}` is gone"), || !self.is_shown(css));
    }

    /// Waits until the page shows this text.
    #[track_caller]
    pub fn wait_for_text(&self, text: &str) {
        let shows = || self.text_of_page().is_ok_and(|page| page.contains(text));
        self.wait_until(&format!("the text `{text}`"), shows);
    }

    /// Does something with the first such element, again as long as the page is changing.
    #[track_caller]
    fn on<'a, T>(
        &'a self,
        what: &str,
        css: &str,
        act: impl Fn(&Element<'a>) -> Result<T, Refusal>,
    ) -> T {
        self.poll(&format!("{what} `{css}`"), || {
            let found = self.session.post("element", &by(css))?;
            act(&self.element(&found, css).ok_or_else(|| Refusal::absent(css))?)
        })
    }

    #[track_caller]
    fn poll<T>(&self, what: &str, mut look: impl FnMut() -> Result<T, Refusal>) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match look() {
                Ok(found) => return found,
                Err(refusal) => {
                    let may_pass = refusal.may_pass() && Instant::now() < deadline;
                    assert!(may_pass, "{what}: {refusal}; {}", self.seen());
                }
            }
            thread::sleep(LOOK_EVERY);
        }
    }

    fn element(&self, found: &Value, selector: &str) -> Option<Element<'_>> {
        let id = found[REFERENCE].as_str()?.to_owned();
        Some(Element { browser: self, id, selector: selector.to_owned() })
    }

    fn elements(&self, found: &Value, selector: &str) -> Vec<Element<'_>> {
        let found = found.as_array().into_iter().flatten();
        found.filter_map(|one| self.element(one, selector)).collect()
    }
}

fn by(css: &str) -> Value {
    json!({ "using": "css selector", "value": css })
}
