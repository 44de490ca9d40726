//! The open page into a PNG in the folder of what was built, `target/screenshots`.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::Browser;
use super::driver::Refusal;

/// Longest side of a picture. Unit: pixels of CSS.
const SIDE_MAX: f64 = 16_000.0;

impl Browser {
    /// Takes a picture of the whole page, also of what lies below the window; gives its path,
    /// `target/screenshots/<name>.png`. Letters, digits, `-` and `_` may be in the name.
    #[track_caller]
    pub fn screenshot(&self, name: &str) -> PathBuf {
        let is_plain = name.bytes().all(|it| it.is_ascii_alphanumeric() || b"-_".contains(&it));
        assert!(is_plain && !name.is_empty(), "`{name}` is no name for a file");
        self.take_picture(name).unwrap_or_else(|error| panic!("no picture of {name}: {error}"))
    }

    pub(super) fn take_picture(&self, name: &str) -> Result<PathBuf, String> {
        let octets = self.picture().map_err(|refusal| refusal.to_string())?;
        let path = folder().join(format!("{name}.png"));
        let octets = openssl::base64::decode_block(&octets).map_err(|error| error.to_string())?;
        fs::create_dir_all(folder())
            .and_then(|()| fs::write(&path, octets))
            .map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(path)
    }

    fn picture(&self) -> Result<String, Refusal> {
        let layout = self.session.devtools("Page.getLayoutMetrics", &json!({}))?;
        let side = |one: &str, other: &str| {
            let of = |value: &Value| value.as_f64().unwrap_or(1.0);
            let page = of(&layout["cssContentSize"][one]);
            page.max(of(&layout["cssLayoutViewport"][other])).clamp(1.0, SIDE_MAX)
        };
        let parameters = json!({
            "format": "png", "captureBeyondViewport": true,
            "clip": {
                "x": 0, "y": 0, "scale": 1,
                "width": side("width", "clientWidth"), "height": side("height", "clientHeight"),
            },
        });
        let taken = self.session.devtools("Page.captureScreenshot", &parameters)?;
        Ok(taken["data"].as_str().unwrap_or_default().to_owned())
    }
}

/// Beside the program of the test, whatever cargo was told about its target folder.
fn folder() -> PathBuf {
    let program = env::current_exe().unwrap_or_default();
    let mut above = program.ancestors();
    let built = above.find(|folder| folder.join("CACHEDIR.TAG").is_file()).map(Path::to_owned);
    let named = || env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    built.or_else(named).unwrap_or_else(env::temp_dir).join("screenshots")
}
