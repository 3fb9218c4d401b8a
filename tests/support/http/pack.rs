//! Git's wire format, as far as faults need it: lines with their length in front, and packs in band 1.

/// A line: four digits of length, then the text.
pub fn line(text: &[u8]) -> Vec<u8> {
    [format!("{:04x}", text.len() + 4).as_bytes(), text].concat()
}

/// The first object that a request wants.
pub fn wanted(body: &[u8]) -> Option<String> {
    let at = body.windows(5).position(|part| part == b"want ")? + 5;
    body.get(at..at + 40).map(|id| String::from_utf8_lossy(id).into_owned())
}

/// Makes a request want only another object.
pub fn want_instead(body: &mut [u8], other: &str) {
    const WANT: &[u8] = b"want ";
    let starts = body.windows(WANT.len()).enumerate().filter(|(_, part)| *part == WANT);
    let starts: Vec<usize> = starts.map(|(at, _)| at + WANT.len()).collect();
    for start in starts {
        body[start..start + other.len()].copy_from_slice(other.as_bytes());
    }
}

/// Turns one bit in the middle of the longest part of the pack.
pub fn flip_bit(body: &mut [u8]) {
    let mut at = 0;
    let mut longest = 0..0;
    while let Some(digits) = body.get(at..at + 4) {
        let length = std::str::from_utf8(digits).ok().and_then(|text| usize::from_str_radix(text, 16).ok());
        // Lengths below four are marks without a text.
        let length = length.expect("a line").max(4);
        if body.get(at + 4) == Some(&1) && length > longest.len() {
            longest = at..at + length;
        }
        at += length;
    }
    assert!(longest.len() > 5, "there is a pack");
    body[longest.start + 5 + (longest.len() - 5) / 2] ^= 1;
}
