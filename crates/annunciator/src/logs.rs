//! Trace events into log lines: logfmt or JSON, on standard error or in a file.
//!
//! `ts=2026-11-22T05:30:00.000Z level=info target=annunciator msg="ready" listen=127.0.0.1:8650`

use std::fmt::{self, Write};
use std::fs::File;
use std::sync::Arc;

use annunciator_core::Timestamp;
use anyhow::{Context, Result};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, reload};

use crate::config::{LogConfig, LogFormat};
use crate::moment;

/// Changes the level while the program runs.
pub(crate) struct LevelSwitch(reload::Handle<EnvFilter, Registry>);

impl LevelSwitch {
    /// Sets the level; events below it are dropped from now on.
    pub(crate) fn set(&self, level: &str) -> Result<()> {
        self.0.reload(EnvFilter::try_new(level)?).context("the log level cannot be changed")
    }
}

/// Begins to log: to the file, else to standard error.
pub(crate) fn start(config: &LogConfig, file: Option<File>) -> Result<LevelSwitch> {
    let (filter, handle) = reload::Layer::new(EnvFilter::try_new(&config.level)?);
    let lines = match file {
        Some(file) => layer(config.format, Arc::new(file)),
        None => layer(config.format, std::io::stderr),
    };
    tracing_subscriber::registry().with(filter).with(lines).try_init()?;
    Ok(LevelSwitch(handle))
}

type Filtered = tracing_subscriber::layer::Layered<reload::Layer<EnvFilter, Registry>, Registry>;

fn layer<W>(format: LogFormat, writer: W) -> Box<dyn Layer<Filtered> + Send + Sync>
where
    W: for<'w> tracing_subscriber::fmt::MakeWriter<'w> + Send + Sync + 'static,
{
    let layer = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(writer);
    match format {
        LogFormat::Json => layer.json().flatten_event(true).boxed(),
        LogFormat::Logfmt => layer.event_format(Logfmt).fmt_fields(LogfmtFields).boxed(),
    }
}

/// Events as logfmt lines.
struct Logfmt;

impl<S, N> FormatEvent<S, N> for Logfmt
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let metadata = event.metadata();
        let level = match *metadata.level() {
            tracing::Level::ERROR => "error",
            tracing::Level::WARN => "warn",
            tracing::Level::INFO => "info",
            tracing::Level::DEBUG => "debug",
            tracing::Level::TRACE => "trace",
        };
        let at: Timestamp = moment::now();
        write!(writer, "ts={at} level={level} target={}", metadata.target())?;
        let mut pairs = Pairs { writer: &mut writer, result: Ok(()), is_first: false };
        event.record(&mut pairs);
        pairs.result?;
        for span in context.event_scope().into_iter().flatten() {
            let extensions = span.extensions();
            if let Some(fields) = extensions.get::<FormattedFields<N>>()
                && !fields.is_empty()
            {
                write!(writer, " {fields}")?;
            }
        }
        writeln!(writer)
    }
}

/// Fields of spans as logfmt pairs.
struct LogfmtFields;

impl<'w> FormatFields<'w> for LogfmtFields {
    fn format_fields<R: RecordFields>(&self, mut writer: Writer<'w>, fields: R) -> fmt::Result {
        let mut pairs = Pairs { writer: &mut writer, result: Ok(()), is_first: true };
        fields.record(&mut pairs);
        pairs.result
    }
}

/// Writes `key=value` pairs.
struct Pairs<'a, W> {
    writer: &'a mut W,
    result: fmt::Result,
    is_first: bool,
}

impl<W: Write> Pairs<'_, W> {
    fn pair(&mut self, field: &Field, value: fmt::Arguments<'_>) {
        if self.result.is_err() {
            return;
        }
        let key = if field.name() == "message" { "msg" } else { field.name() };
        let space = if std::mem::take(&mut self.is_first) { "" } else { " " };
        self.result = match value.as_str() {
            Some(text) => write_pair(self.writer, space, key, text),
            None => write_pair(self.writer, space, key, &value.to_string()),
        };
    }
}

impl<W: Write> Visit for Pairs<'_, W> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.pair(field, format_args!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.pair(field, format_args!("{value}"));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.pair(field, format_args!("{value}"));
    }
}

fn write_pair(writer: &mut impl Write, space: &str, key: &str, value: &str) -> fmt::Result {
    write!(writer, "{space}{key}=")?;
    let is_plain =
        |c: char| !c.is_whitespace() && !c.is_control() && !matches!(c, '"' | '=' | '\\');
    if !value.is_empty() && value.chars().all(is_plain) {
        return writer.write_str(value);
    }
    writer.write_char('"')?;
    for c in value.chars() {
        match c {
            '"' | '\\' => write!(writer, "\\{c}")?,
            '\n' => writer.write_str("\\n")?,
            '\r' => writer.write_str("\\r")?,
            '\t' => writer.write_str("\\t")?,
            c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') => {
                write!(writer, "\\u{:04x}", u32::from(c))?;
            }
            c => writer.write_char(c)?,
        }
    }
    writer.write_char('"')
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn a_value_is_quoted_when_it_must_be() {
        for (value, expected) in [
            ("sent", "k=sent"),
            ("", "k=\"\""),
            ("a b", "k=\"a b\""),
            ("a\"b\\", "k=\"a\\\"b\\\\\""),
            ("a\r\nlevel=error", "k=\"a\\r\\nlevel=error\""),
            ("\u{1b}[31m", "k=\"\\u001b[31m\""),
            ("ü", "k=ü"),
        ] {
            let mut text = String::new();
            write_pair(&mut text, "", "k", value).unwrap();
            assert_eq!(text, expected);
        }
    }

    #[test]
    fn an_event_is_one_line_with_its_fields_and_those_of_its_span() {
        #[derive(Clone)]
        struct Lines(Arc<Mutex<Vec<u8>>>);
        impl std::io::Write for Lines {
            fn write(&mut self, octets: &[u8]) -> std::io::Result<usize> {
                self.0.lock().unwrap().extend_from_slice(octets);
                Ok(octets.len())
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let lines = Lines(Arc::default());
        let writer = lines.clone();
        let layer = tracing_subscriber::fmt::layer()
            .with_writer(move || writer.clone())
            .event_format(Logfmt)
            .fmt_fields(LogfmtFields);
        tracing::subscriber::with_default(Registry::default().with(layer), || {
            let _span = tracing::info_span!("attempt", delivery = "d 1", number = 2).entered();
            tracing::warn!(status = "deferred", delay_ms = 12_u64, "a\nb");
        });
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        let (_, line) = text.split_once(' ').unwrap();
        assert_eq!(
            line,
            "level=warn target=annunciator::logs::tests msg=\"a\\nb\" status=deferred delay_ms=12 \
             delivery=\"d 1\" number=2\n"
        );
    }
}
