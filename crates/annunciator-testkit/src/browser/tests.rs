//! The browser against a small page of our own, with everything on it that a test asks for.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::{Command, Stdio};

use super::*;

/// As strict as the console's: what the harness injects must work all the same.
const POLICY: &str = "default-src 'self'; base-uri 'none'; frame-ancestors 'none'";
const PAGE: &str = r##"<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Harness</title>
<link rel="icon" href="/icon.svg"><link rel="stylesheet" href="/style.css"><script src="/page.js" defer></script></head>
<body><main><h1>Harness</h1><p id="hidden" hidden>nobody sees this</p>
<form><label for="name">Name</label><input id="name" value="old">
<label for="kind">Kind</label><select id="kind"><option value="a">First</option><option value="b">Second</option></select>
<label for="file">File</label><input id="file" type="file">
<label for="day">Day</label><input id="day" type="date">
<button type="button" id="greet">Greet</button> <button type="button" id="ask">Ask</button></form>
<p id="said" role="status"></p><ul><li>one</li><li>two</li></ul><div id="tall"></div>
<p>Ω ж ← “quoted”</p></main></body></html>"##;
const STYLE: &str = "body { background: #fff; color: #111; font: 16px 'DejaVu Sans', sans-serif }
#tall { height: 1500px; background: linear-gradient(#246, #8ac) }
@media (prefers-color-scheme: dark) { body { background: #111; color: #eee } }
@media (max-width: 500px) { h1 { font-size: 20px } }";
const SCRIPT: &str = "const find = id => document.getElementById(id);
find('greet').onclick = () => setTimeout(() => {
  find('said').textContent = 'Hello ' + find('name').value }, 50);
find('ask').onclick = () => { find('said').textContent = confirm('Really?') ? 'yes' : 'no' };
find('kind').onchange = () => { find('said').textContent = 'kind ' + find('kind').value };
find('day').onchange = () => { find('said').textContent = 'day ' + find('day').value };
find('file').onchange = () => { find('said').textContent = find('file').files[0].name };
find('name').onkeydown = event => { if (event.key === 'Escape') find('said').textContent = 'left' };";

/// What is at a path: status, type, content.
fn content(path: &str) -> (u16, &'static str, String) {
    let html = |body: &str| {
        let head = r#"<!doctype html><html lang="en"><head><title>Page</title><link rel="icon" href="/icon.svg"></head>"#;
        (200, "text/html", format!("{head}<body><main><h1>Page</h1>{body}</main></body></html>"))
    };
    match path {
        "/" => (200, "text/html", PAGE.to_owned()),
        "/style.css" => (200, "text/css", STYLE.to_owned()),
        "/page.js" => (200, "text/javascript", SCRIPT.to_owned()),
        "/icon.svg" => {
            (200, "image/svg+xml", r#"<svg xmlns="http://www.w3.org/2000/svg"/>"#.to_owned())
        }
        "/inline" => html("<script>document.title = 'run'</script>"),
        "/throws" => html(r#"<script src="/throws.js"></script>"#),
        "/throws.js" => (200, "text/javascript", "throw new Error('planted')".to_owned()),
        "/foreign" => html(r#"<img alt="" src="http://192.0.2.7/spy.png">"#),
        "/named" => html(r#"<img alt="" src="https://spy.example.org/spy.png">"#),
        "/faulty" => html(r#"<input id="nameless"><img src="/icon.svg">"#),
        _ => (404, "text/html", "nothing here".to_owned()),
    }
}

/// Serves the pages until the test program ends; those below `/free` have no policy.
fn serve() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || answer(stream));
        }
    });
    address
}

fn answer(mut stream: TcpStream) {
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
    let request = lines.next().unwrap_or_default();
    lines.take_while(|line| !line.is_empty()).for_each(drop);
    let path = request.split(' ').nth(1).unwrap_or_default();
    let (bound, path) = path.strip_prefix("/free").map_or((true, path), |path| (false, path));
    let (status, kind, body) = content(path);
    let policy =
        if bound { format!("Content-Security-Policy: {POLICY}\r\n") } else { String::new() };
    let head = format!(
        "HTTP/1.1 {status} x\r\nContent-Type: {kind}\r\nSet-Cookie: seen=1; HttpOnly\r\n{policy}\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    // A browser that has gone does not read it.
    let _ = stream.write_all(head.as_bytes());
}

/// The browser with the page open.
fn open() -> Option<Browser> {
    let browser = Browser::start(serve())?;
    browser.open("/");
    Some(browser)
}

/// What a browser fails its test with when it is dropped.
fn failure_of(browser: Browser) -> String {
    let panicked = catch_unwind(AssertUnwindSafe(|| drop(browser)));
    let message = panicked.err().map(|panic| panic.downcast_ref::<String>().cloned());
    message.map_or(String::new(), |message| message.unwrap_or_default())
}

#[test]
fn a_person_can_click_type_choose_and_upload() {
    let Some(browser) = open() else { return };
    assert_eq!((browser.title().as_str(), browser.text("h1").as_str()), ("Harness", "Harness"));
    browser.type_into("#name", "Ω & \"new\"");
    browser.click_text("button", "Greet");
    browser.wait_for_text("Hello Ω & \"new\"");
    browser.select("#kind", "Second");
    assert_eq!((browser.text("#said").as_str(), browser.value("#kind").as_str()), ("kind b", "b"));
    browser.set_value("#day", "2031-02-03");
    assert_eq!(browser.text("#said"), "day 2031-02-03");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("with space.pem");
    fs::write(&file, "x").unwrap();
    browser.upload("#file", &file);
    assert_eq!(browser.text("#said"), "with space.pem");

    browser.click("#ask");
    assert_eq!(browser.dismiss_dialog(), "Really?");
    assert_eq!(browser.text("#said"), "no");
    browser.click("#ask");
    assert_eq!(browser.accept_dialog(), "Really?");
    browser.wait_for_text("yes");

    let items: Vec<String> = browser.find_all("li").iter().map(Element::text).collect();
    assert_eq!(items, ["one", "two"]);
    assert_eq!(browser.find("ul").find("li").text(), "one");
    assert_eq!(browser.find("ul").find_all("li").len(), 2);
    assert_eq!(browser.find_containing("li", "w").text(), "two");
    assert_eq!(browser.find_text("li", "two").text(), "two");
    assert!(browser.find_all("#none").is_empty());
    assert!(browser.is_shown("h1") && !browser.is_shown("#hidden") && !browser.is_shown("#none"));
    assert_eq!(browser.attribute("#file", "type").as_deref(), Some("file"));
    assert_eq!(browser.attribute("#file", "multiple"), None);
    assert_eq!(browser.find("#name").label(), "Name");
}

#[test]
fn keys_reach_what_has_the_focus() {
    let Some(browser) = open() else { return };
    let focused = || browser.focused().attribute("id").unwrap_or_default();
    browser.press("Tab");
    assert_eq!(focused(), "name");
    browser.press("x Space Y");
    assert!(browser.value("#name").contains("x Y"), "{}", browser.value("#name"));
    browser.press("Escape");
    assert_eq!(browser.text("#said"), "left");
    browser.press("Tab ArrowDown");
    assert_eq!((focused().as_str(), browser.value("#kind").as_str()), ("kind", "b"));
    browser.press("Shift+Tab");
    assert_eq!(focused(), "name");
    browser.click("#ask");
    assert_eq!(browser.accept_dialog(), "Really?");
    browser.press("Shift+Tab Enter");
    browser.wait_for_text("Hello");
}

#[test]
fn pages_are_seen_light_and_dark_large_and_small() {
    let Some(browser) = open() else { return };
    let ground = || browser.find("body").style("background-color");
    assert_eq!(ground(), "rgba(255, 255, 255, 1)");
    let light = browser.screenshot("harness-light");
    browser.emulate_dark(true);
    browser.reload();
    assert_eq!(ground(), "rgba(17, 17, 17, 1)");
    let dark = browser.screenshot("harness-dark");
    browser.set_window(390, 844);
    assert_eq!(browser.script("return [innerWidth, innerHeight]"), json!([390, 844]));
    assert_eq!(browser.find("h1").style("font-size"), "20px");
    let phone = browser.screenshot("harness-phone");
    for (path, width) in [(&light, 1280), (&dark, 1280), (&phone, 390)] {
        let octets = fs::read(path).unwrap();
        assert!(octets.starts_with(b"\x89PNG\r\n\x1a\n"), "{}", path.display());
        let number = |at: usize| u32::from_be_bytes(octets[at..at + 4].try_into().unwrap());
        assert_eq!(number(16), width, "{}", path.display());
        // The whole page, which is longer than the window.
        assert!((1700..2600).contains(&number(20)), "{} px in {}", number(20), path.display());
    }
    assert_ne!(fs::read(light).unwrap(), fs::read(dark).unwrap());
}

#[test]
fn a_second_person_has_cookies_of_their_own() {
    let Some(browser) = open() else { return };
    let cookies = browser.cookies();
    assert_eq!((&cookies[0]["name"], &cookies[0]["httpOnly"]), (&json!("seen"), &json!(true)));
    browser.set_cookies(&[json!({ "name": "mine", "value": "1" })]);
    let other = browser.new_session();
    other.open("/");
    assert_eq!((browser.cookies().len(), other.cookies().len()), (2, 1));
    browser.delete_cookies();
    assert_eq!((browser.cookies().len(), other.cookies().len()), (0, 1));
}

/// The page at this path fails its test with this.
#[track_caller]
fn check_failure(path: &str, expected: &str) {
    let Some(browser) = open() else { return };
    browser.open(path);
    // What a page asks for is loaded when it is open.
    let failure = failure_of(browser);
    assert!(failure.contains(expected), "{path}: `{failure}`");
}

#[test]
fn an_error_on_the_console_fails_the_test() {
    check_failure("/throws", "planted");
    check_failure("/inline", "Content Security Policy");
    check_failure("/gone", "status of 404");
}

#[test]
fn a_request_to_anybody_else_fails_the_test() {
    check_failure("/free/foreign", "asked of others: http://192.0.2.7/spy.png");
    check_failure("/free/named", "asked of others: https://spy.example.org/spy.png");
}

#[test]
fn an_error_that_belongs_to_the_test_is_tolerated() {
    let Some(browser) = open() else { return };
    browser.tolerate("status of 404");
    browser.open("/gone");
    assert!(browser.console_errors().is_empty());
    browser.open("/throws");
    let [error] = &browser.console_errors()[..] else { panic!("one error") };
    assert!(error.contains("planted"), "{error}");
    browser.tolerate("planted");
    assert!(browser.foreign_requests().is_empty());
    assert_eq!(failure_of(browser), "");
}

#[test]
fn what_keeps_people_out_is_found_and_what_does_not_is_not() {
    let Some(browser) = open() else { return };
    browser.assert_accessible("the page");
    browser.emulate_dark(true);
    browser.assert_accessible("the page in the dark");
    browser.open("/faulty");
    let found = browser.accessibility(&[]);
    let grave: Vec<&str> =
        found.iter().filter(|one| one.is_grave()).map(|one| one.rule.as_str()).collect();
    assert_eq!(grave, ["image-alt", "label"]);
    let asserted = catch_unwind(AssertUnwindSafe(|| browser.assert_accessible("the faulty page")));
    let message = asserted.unwrap_err().downcast_ref::<String>().cloned().unwrap();
    for part in ["the faulty page", "label (critical)", "#nameless", "image-alt"] {
        assert!(message.contains(part), "`{part}` in {message}");
    }
    let reason = "planted";
    browser.assert_accessible_without("the rest", &[("label", reason), ("image-alt", reason)]);
}

/// How many processes have this folder in their command line.
fn processes_of(folder: &str) -> usize {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let lines = entries.filter_map(|entry| fs::read(entry.path().join("cmdline")).ok());
    lines.filter(|line| String::from_utf8_lossy(line).contains(folder)).count()
}

#[test]
fn nothing_of_a_browser_is_left() {
    let Some(browser) = open() else { return };
    let folder = browser.session.folder().to_owned();
    assert!(processes_of(&folder) > 2, "the browser has processes");
    let other = browser.new_session();
    drop(browser);
    other.open("/");
    drop(other);
    assert_eq!(processes_of(&folder), 0);
    assert!(!Path::new(&folder).exists());
}

/// Set in the run that is killed.
const INSIDE: &str = "ANNUNCIATOR_TEST_BROWSER";

#[test]
fn a_browser_dies_with_a_test_that_is_killed() {
    if std::env::var_os(INSIDE).is_some() {
        let Some(browser) = open() else { return };
        println!("\nfolder {}", browser.session.folder());
        thread::sleep(PATIENCE);
        panic!("not killed");
    }
    let mut test = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "browser::tests::a_browser_dies_with_a_test_that_is_killed",
            "--nocapture",
        ])
        .env(INSIDE, "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(test.stdout.take().unwrap()).lines().map_while(Result::ok);
    let Some(folder) = lines.find_map(|line| Some(line.strip_prefix("folder ")?.to_owned())) else {
        assert!(test.wait().unwrap().success(), "skipped as the others are");
        return;
    };
    assert!(processes_of(&folder) > 2, "the browser has processes");
    test.kill().unwrap();
    test.wait().unwrap();
    let deadline = Instant::now() + PATIENCE;
    while processes_of(&folder) > 0 {
        assert!(Instant::now() < deadline, "{} are left", processes_of(&folder));
        thread::sleep(LOOK_EVERY);
    }
    // Nobody was left who could have removed it.
    fs::remove_dir_all(folder).unwrap();
}
