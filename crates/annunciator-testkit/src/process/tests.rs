//! The process tests run a small Python program in place of the binary.

use std::os::unix::fs::PermissionsExt;

use super::*;

/// Answers as the binary would: ready, a token, 202 with the event; dies on `extra = "broken"`.
const PROGRAM: &str = r#"#!/usr/bin/env python3
import http.server, re, signal, sys
config = open(sys.argv[sys.argv.index("--config") + 1]).read()
if sys.argv[1] == "token":
    print("tok-" + "-".join(sys.argv[2:8]))
    sys.exit(0)
if "broken" in config:
    print("level=error msg=broken", flush=True)
    sys.exit(3)
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def do_GET(self):
        self.answer(200, b"ready")
    def do_POST(self):
        print("level=info msg=got token=" + self.headers["Authorization"], flush=True)
        self.answer(202, self.rfile.read(int(self.headers["Content-Length"])))
    def log_message(self, *words):
        pass
def leave(*_):
    print("level=info msg=drained", flush=True)
    sys.exit(0)
signal.signal(signal.SIGTERM, leave)
port = int(re.search(r'listen = "127.0.0.1:(\d+)"', config).group(1))
http.server.ThreadingHTTPServer.daemon_threads = True
http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()
"#;

fn program(folder: &Path) -> PathBuf {
    let path = folder.join("program");
    fs::write(&path, PROGRAM).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

#[test]
fn a_server_starts_takes_events_dies_restarts_and_ends() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start(&program(folder.path()), folder.path(), "");
    assert_eq!(server.token(), "tok-create---name-test---role-administrator---quiet");
    let event = crate::events::event("disk.full").json();
    assert_eq!(server.submit(event.clone()).json(), event);
    server.wait_for_log("token=Bearer tok-create", Duration::from_secs(10));
    assert!(server.runs() && server.memory_peak_kib() > 1_000);

    let (address, process) = (server.address(), server.process_id());
    server.kill9();
    assert!(!server.runs());
    assert!(Client::new(address).get("/-/ready").is_err());
    server.restart();
    assert_eq!(server.address(), address);
    assert_ne!(server.process_id(), process);
    assert!(!server.log().contains("drained"));
    assert!(server.terminate_and_wait(Duration::from_secs(10)).success());
    assert!(server.log().contains("drained"));
    server.expect_no_errors_in_log();
}

#[test]
fn a_server_that_ends_at_once_is_reported_with_its_log() {
    let folder = tempfile::tempdir().unwrap();
    let launch = Launch::new(&program(folder.path()), folder.path());
    let error = launch.configuration("extra = \"broken\"").try_start().err().unwrap();
    assert!(error.contains("exit status: 3") && error.contains("msg=broken"), "{error}");
}

#[test]
fn a_dropped_server_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&program(folder.path()), folder.path(), "");
    let (address, process) = (server.address(), server.process_id());
    drop(server);
    assert!(Client::new(address).get("/-/ready").is_err());
    assert!(!Path::new(&format!("/proc/{process}")).exists());
}

#[test]
fn own_configuration_replaces_the_usual_keys() {
    let address: SocketAddr = "127.0.0.1:7".parse().unwrap();
    let usual_log = "log = { level = \"info\", format = \"logfmt\" }\n";
    for (own, expected) in [
        ("", format!("listen = \"127.0.0.1:7\"\ndata_dir = \"/f/data\"\n{usual_log}\n")),
        (
            "listen = \"[::1]:7\"",
            format!("data_dir = \"/f/data\"\n{usual_log}listen = \"[::1]:7\"\n"),
        ),
        (
            "[log]\nlevel = \"debug\"",
            "listen = \"127.0.0.1:7\"\ndata_dir = \"/f/data\"\n[log]\nlevel = \"debug\"\n".into(),
        ),
        (
            "log.level = \"debug\"",
            "listen = \"127.0.0.1:7\"\ndata_dir = \"/f/data\"\nlog.level = \"debug\"\n".into(),
        ),
    ] {
        let launch = Launch::new(Path::new("/b"), Path::new("/f")).configuration(own);
        assert_eq!(launch.toml(address), expected);
    }
}

#[test]
fn errors_are_found_in_each_form_of_log() {
    for (line, expected) in [
        ("ts=1 level=error msg=x", true),
        ("ts=1 level=ERROR msg=x", true),
        (r#"{"ts":1,"level":"ERROR","msg":"x"}"#, true),
        (r#"{"level": "error"}"#, true),
        ("2026-11-22T05:30:00Z ERROR annunciator: x", true),
        ("thread 'main' panicked at src/main.rs:1:1:", true),
        ("ts=1 level=info msg=\"no ERROR here\"", false),
        ("ts=1 level=warn status=deferred dsn=4.0.0", false),
    ] {
        assert_eq!(tells_error(line), expected, "{line}");
    }
}
