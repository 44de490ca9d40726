//! Pictures of a message into one text and one row of octets, and back.
//!
//! In: pictures. Out: a line for each, its Content-ID and how many octets are its own; the octets of
//! all of them, one behind the other. Knows nothing of: stores.
//! Failure: what does not fit together is no picture: the message goes without.

use annunciator_core::Picture;

/// The lines, and the octets; nothing of both when there are no pictures.
pub(crate) fn join(pictures: &[Picture]) -> (Option<String>, Option<Vec<u8>>) {
    if pictures.is_empty() {
        return (None, None);
    }
    let line = |picture: &Picture| format!("{} {}", picture.content_id, picture.png.len());
    let lines: Vec<_> = pictures.iter().map(line).collect();
    let octets = pictures.iter().flat_map(|picture| picture.png.iter().copied());
    (Some(lines.join("\n")), Some(octets.collect()))
}

/// The pictures of lines and octets; a line without a length is that of the one picture there is.
pub(crate) fn split(lines: Option<String>, octets: Option<Vec<u8>>) -> Vec<Picture> {
    let (Some(lines), Some(octets)) = (lines, octets) else { return Vec::new() };
    let mut rest = octets.as_slice();
    let mut pictures = Vec::new();
    for line in lines.lines() {
        let (content_id, length) = match line.rsplit_once(' ') {
            Some((content_id, length)) => (content_id, length.parse().ok()),
            None => (line, Some(rest.len())),
        };
        let Some((png, behind)) = length.and_then(|length| rest.split_at_checked(length)) else {
            break;
        };
        pictures.push(Picture { content_id: content_id.to_owned(), png: png.to_owned() });
        rest = behind;
    }
    pictures
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_come_back_as_they_went_and_old_rows_are_read() {
        let picture = |id: &str, png: &[u8]| Picture { content_id: id.into(), png: png.into() };
        for pictures in [
            vec![],
            vec![picture("a@x", &[1, 2])],
            vec![picture("a@x", &[1]), picture("b@x", &[]), picture("c@x", &[10, 32, 0])],
        ] {
            let (lines, octets) = join(&pictures);
            assert_eq!(split(lines, octets), pictures);
        }
        let old = split(Some("a@x".to_owned()), Some(vec![1, 2, 3]));
        assert_eq!(old, [picture("a@x", &[1, 2, 3])]);
        assert_eq!(split(Some("a@x 9".to_owned()), Some(vec![1])), []);
        assert_eq!(split(Some("a@x y".to_owned()), Some(vec![1])), []);
        assert_eq!(split(None, Some(vec![1])), []);
    }
}
