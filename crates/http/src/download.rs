//! Files as answers: validators, ranges and bodies that are read while they are sent.

use std::io;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream::try_unfold;
use tasks::{ArtifactFile, ArtifactFolder};

use crate::api_error::ApiError;
use crate::content_disposition::attachment;

/// Bytes read at a time: what one download holds in memory.
const CHUNK_BYTES: u64 = 128 * 1024;

/// The media type of a file, by its name.
pub(crate) fn media_type(name: &str) -> &'static str {
    let extension = name.rsplit_once('.').map(|(_, extension)| extension);
    match extension.map(str::to_ascii_lowercase).as_deref() {
        // By the book these are MPEG streams, and two more that the book does not have.
        Some("ts" | "mts" | "tsx") => "text/x-typescript",
        Some("jsonl" | "ndjson") => "application/x-ndjson",
        Some("parquet") => "application/vnd.apache.parquet",
        Some(extension) => mime_guess::from_ext(extension)
            .first_raw()
            .unwrap_or(UNKNOWN),
        None => UNKNOWN,
    }
}

const UNKNOWN: &str = "application/octet-stream";

/// What part of a file is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Whole,
    /// First and last byte.
    Part(u64, u64),
    /// None of it is there.
    Nothing,
}

/// A file, or the part of it that the headers ask for, or word that it has not changed.
pub(crate) async fn file_response(
    headers: &HeaderMap,
    mut file: ArtifactFile,
) -> Result<Response, ApiError> {
    let tag = format!("\"{}\"", file.version);
    if is_known(headers, &tag) {
        return Ok(described(&tag, StatusCode::NOT_MODIFIED.into_response()));
    }
    let size = file.size_bytes;
    let (status, first, length) = match wanted(headers, &tag, size) {
        Wanted::Whole => (StatusCode::OK, 0, size),
        Wanted::Part(first, last) => (StatusCode::PARTIAL_CONTENT, first, last - first + 1),
        Wanted::Nothing => return Ok(not_satisfiable(size)),
    };
    if first > 0 {
        let sought = file.seek(first).await;
        sought.map_err(|error| ApiError::internal("read an artifact", &error))?;
    }
    let name = std::mem::take(&mut file.name);
    let body = Body::from_stream(try_unfold((file, length), next_piece));
    let mut response = (status, body).into_response();
    saved_as(&mut response, &name, media_type(&name));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_LENGTH, length.into());
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    if status == StatusCode::PARTIAL_CONTENT {
        let range = format!("bytes {first}-{}/{size}", first + length - 1);
        headers.insert(header::CONTENT_RANGE, ascii(&range));
    }
    Ok(described(&tag, response))
}

/// A folder as an archive, whose size nobody knows before its end.
pub(crate) fn folder_response(folder: ArtifactFolder) -> Response {
    let name = folder.name.clone();
    let pieces = try_unfold(folder, |mut folder| async move {
        let bytes = folder.read().await?;
        let piece = (!bytes.is_empty()).then(|| (Bytes::from(bytes), folder));
        Ok::<_, io::Error>(piece)
    });
    let mut response = Body::from_stream(pieces).into_response();
    saved_as(&mut response, &name, "application/zip");
    response
}

/// A file that became shorter ends the connection: its length was promised.
async fn next_piece(
    (mut file, left): (ArtifactFile, u64),
) -> io::Result<Option<(Bytes, (ArtifactFile, u64))>> {
    if left == 0 {
        return Ok(None);
    }
    let limit = usize::try_from(left.min(CHUNK_BYTES)).unwrap_or(usize::MAX);
    let bytes = Bytes::from(file.read(limit).await?);
    if bytes.is_empty() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let read = u64::try_from(bytes.len()).unwrap_or(left);
    Ok(Some((bytes, (file, left.saturating_sub(read)))))
}

/// Never shown in the place of a page, whatever it is.
fn saved_as(response: &mut Response, name: &str, media_type: &'static str) {
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(header::CONTENT_DISPOSITION, attachment(name));
    let nosniff = HeaderValue::from_static("nosniff");
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, nosniff);
}

fn described(tag: &str, mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::ETAG, ascii(tag));
    // May be kept, but asked about before each use: the credential may have ended.
    let private = HeaderValue::from_static("private, no-cache");
    headers.insert(header::CACHE_CONTROL, private);
    response
}

fn not_satisfiable(size: u64) -> Response {
    let mut response = ApiError::invalid("`Range` lies outside of the file").into_response();
    *response.status_mut() = StatusCode::RANGE_NOT_SATISFIABLE;
    let range = ascii(&format!("bytes */{size}"));
    response.headers_mut().insert(header::CONTENT_RANGE, range);
    response
}

fn ascii(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("numbers, hex digits and punctuation are visible ASCII")
}

/// Whether the caller has this version already.
fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    let values = headers.get_all(header::IF_NONE_MATCH).iter();
    let mut tags = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|known| known.trim().trim_start_matches("W/"));
    tags.any(|known| known == "*" || known == tag)
}

/// The one range that is asked for. More than one, or what is none, gets the whole.
fn wanted(headers: &HeaderMap, tag: &str, size: u64) -> Wanted {
    if let Some(condition) = headers.get(header::IF_RANGE)
        && condition.as_bytes() != tag.as_bytes()
    {
        return Wanted::Whole;
    }
    let mut ranges = headers.get_all(header::RANGE).iter();
    let (Some(range), None) = (ranges.next(), ranges.next()) else {
        return Wanted::Whole;
    };
    let text = range.to_str().ok();
    let text = text.and_then(|text| text.trim().strip_prefix("bytes="));
    text.and_then(|text| parse_range(text, size))
        .unwrap_or(Wanted::Whole)
}

fn parse_range(text: &str, size: u64) -> Option<Wanted> {
    let (first, last) = text.split_once('-')?;
    let (first, last) = (first.trim(), last.trim());
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        // More digits than a file has bytes: beyond its end.
        digits.then(|| text.parse().unwrap_or(u64::MAX))
    };
    if first.is_empty() {
        let count = number(last)?.min(size);
        return Some(match count {
            0 => Wanted::Nothing,
            count => Wanted::Part(size - count, size - 1),
        });
    }
    let first: u64 = number(first)?;
    let last = if last.is_empty() {
        u64::MAX
    } else {
        number(last)?
    };
    if first > last {
        return None;
    }
    Some(if first >= size {
        Wanted::Nothing
    } else {
        Wanted::Part(first, last.min(size - 1))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges() {
        for (text, size, wanted) in [
            ("0-0", 10, Some(Wanted::Part(0, 0))),
            ("2-5", 10, Some(Wanted::Part(2, 5))),
            ("2-", 10, Some(Wanted::Part(2, 9))),
            ("2-99", 10, Some(Wanted::Part(2, 9))),
            ("-3", 10, Some(Wanted::Part(7, 9))),
            ("-30", 10, Some(Wanted::Part(0, 9))),
            ("-0", 10, Some(Wanted::Nothing)),
            ("10-", 10, Some(Wanted::Nothing)),
            ("0-", 0, Some(Wanted::Nothing)),
            ("-1", 0, Some(Wanted::Nothing)),
            ("99999999999999999999999-", 10, Some(Wanted::Nothing)),
            ("5-2", 10, None),
            ("0-1,3-4", 10, None),
            ("a-b", 10, None),
            ("-", 10, None),
            ("+1-2", 10, None),
        ] {
            assert_eq!(parse_range(text, size), wanted, "{text}");
        }
    }

    #[test]
    fn media_types() {
        for (name, wanted) in [
            ("x.csv", "text/csv"),
            ("x.pdf", "application/pdf"),
            ("x.PNG", "image/png"),
            ("x.html", "text/html"),
            ("x.json", "application/json"),
            ("x.md", "text/markdown"),
            ("x.ts", "text/x-typescript"),
            ("x.unheard-of", "application/octet-stream"),
            ("Makefile", "application/octet-stream"),
        ] {
            assert_eq!(media_type(name), wanted, "{name}");
        }
    }
}
