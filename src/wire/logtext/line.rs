//! The forms of one line. Nothing here remembers the line before.

use nom::{
    IResult, Parser,
    branch::alt,
    bytes::complete::{tag, take_till1, take_until, take_while, take_while_m_n, take_while1},
    character::complete::{digit1, one_of, space0, space1},
    combinator::{eof, opt, recognize, rest, verify},
    multi::separated_list0,
    sequence::{delimited, preceded},
};

use crate::wire::{
    Charset, Dialect, Text, Value,
    logtext::{
        AttributeValue, HeadKind, Style,
        quote::{Closing, close, hex, quoted},
    },
};

type Parsed<'a, T> = IResult<&'a [u8], T, ()>;

/// A head, in the bytes of its line.
pub(super) struct HeadLine<'a> {
    pub(super) kind: HeadKind,
    pub(super) name: &'a [u8],
    pub(super) behind: &'a [u8],
    /// What stands in brackets behind the reference of a peer.
    pub(super) peer: Option<&'a [u8]>,
}

/// Reads a head; `margin` allows blanks before the forms that the grammar puts at the first column.
pub(super) fn head(line: &[u8], margin: bool) -> Option<HeadLine<'_>> {
    let inner = line.trim_ascii_start();
    if inner.len() != line.len() && (!margin || inner.starts_with(b"message ")) {
        return None;
    }
    let parsed: Parsed<'_, HeadLine<'_>> =
        alt((tserver_event, tserver_request, ocs_received, ocs_sent, comm_print)).parse(inner);
    parsed.ok().map(|(_, head)| head)
}

fn tserver_event(line: &[u8]) -> Parsed<'_, HeadLine<'_>> {
    let (name, _) =
        (tag("@"), verify(digit1, |digits: &[u8]| !digits.is_empty()), take_until(": message "), tag(": message "))
            .parse(line)?;
    let (_, name) = verify(rest, |name: &[u8]| !name.trim_ascii().is_empty()).parse(name)?;
    Ok((&[], HeadLine { kind: HeadKind::TserverEvent, name: name.trim_ascii(), behind: &[], peer: None }))
}

fn tserver_request(line: &[u8]) -> Parsed<'_, HeadLine<'_>> {
    let (behind, name) = preceded(tag("message "), word("Request")).parse(line)?;
    Ok((&[], HeadLine { kind: HeadKind::TserverRequest, name, behind: behind.trim_ascii_end(), peer: None }))
}

fn ocs_received(line: &[u8]) -> Parsed<'_, HeadLine<'_>> {
    let (behind, (_, _, peer, _, _, name)) =
        (opt((time, space1)), tag("received from "), peer, take_until(" message "), tag(" message "), word("Event"))
            .parse(line)?;
    Ok((&[], HeadLine { kind: HeadKind::OcsReceived, name, behind: behind.trim_ascii_end(), peer: Some(peer) }))
}

fn ocs_sent(line: &[u8]) -> Parsed<'_, HeadLine<'_>> {
    let (behind, (_, _, peer, _, _, name)) =
        (opt((time, space1)), tag("request to "), peer, take_until(" message "), tag(" message "), word("Request"))
            .parse(line)?;
    Ok((&[], HeadLine { kind: HeadKind::OcsSent, name, behind: behind.trim_ascii_end(), peer: Some(peer) }))
}

fn comm_print(line: &[u8]) -> Parsed<'_, HeadLine<'_>> {
    let ours = (tag("OCMClient["), take_till1(|byte| byte == b']'), tag("]::message received"));
    let theirs = tag("Thirdparty, processing");
    let (line, _) = opt((time, space1)).parse(line)?;
    let (_, _) = alt((recognize(ours), theirs)).parse(line)?;
    let (behind, name) = take_while1(|byte: u8| byte.is_ascii_alphabetic()).parse(line)?;
    Ok((&[], HeadLine { kind: HeadKind::CommPrint, name, behind: behind.trim_ascii_end(), peer: None }))
}

/// `65200(Switch)`: what stands in the brackets.
fn peer(input: &[u8]) -> Parsed<'_, &[u8]> {
    preceded(take_till1(|byte| byte == b'(' || byte == b' '), delimited(tag("("), take_until(")"), tag(")")))
        .parse(input)
}

/// A word with a known beginning.
fn word<'a>(start: &'static str) -> impl FnMut(&'a [u8]) -> Parsed<'a, &'a [u8]> {
    move |input| {
        recognize((tag(start), take_while(|byte: u8| byte.is_ascii_alphanumeric() || byte == b'_'))).parse(input)
    }
}

/// `hh:mm:ss.mmm` (more digits allowed), with or without `yyyy-mm-ddT` before it.
fn time(input: &[u8]) -> Parsed<'_, &[u8]> {
    let clock = (two, tag(":"), two, tag(":"), two, opt((one_of(".,"), digit1)));
    let day = (take_while_m_n(4, 4, digit), tag("-"), two, tag("-"), two, tag("T"));
    recognize((opt(day), clock)).parse(input)
}

fn digit(byte: u8) -> bool {
    byte.is_ascii_digit()
}

fn two(input: &[u8]) -> Parsed<'_, &[u8]> {
    take_while_m_n(2, 2, digit).parse(input)
}

/// The time at the start of a line, with or without `@` before it.
pub(super) fn time_of(line: &[u8]) -> Option<&[u8]> {
    preceded(opt(tag("@")), time).parse(line.trim_ascii_start()).ok().map(|(_, time)| time)
}

/// Who the line before a head says the message came from or goes to.
pub(super) fn peer_of(line: &[u8]) -> Option<&[u8]> {
    let from: Parsed<'_, _> =
        (take_until("essage "), take_until("received from "), tag("received from "), rest).parse(line);
    let to: Parsed<'_, _> = (take_until("Trc 50071 Send"), take_until(" to "), tag(" to "), rest).parse(line);
    let peer = from.or(to).ok().map(|(_, (_, _, _, peer))| peer)?;
    let peer = peer.trim_ascii(); // printed with or without quotes
    Some(peer.strip_prefix(b"'").and_then(|peer| peer.strip_suffix(b"'")).unwrap_or(peer))
}

/// What a line of a block says about an attribute.
pub(super) enum AttributeLine<'a> {
    /// A value that is complete.
    Value(AttributeValue),
    /// The rest of the line behind the opening quote.
    Quoted(&'a [u8]),
    /// The stated length and first bytes of a list.
    List(usize, Vec<u8>),
}

/// Blanks, `Attribute`, the name, blanks, the value.
pub(super) fn attribute<'a>(line: &'a [u8], charset: Charset) -> Option<(&'a [u8], AttributeLine<'a>)> {
    let name = take_while1(|byte: u8| byte.is_ascii_alphanumeric() || byte == b'_');
    let parsed: Parsed<'a, &'a [u8]> = (space0, tag("Attribute"), name, space0).map(|(_, _, name, _)| name).parse(line);
    let (value, name) = parsed.ok()?;
    Some((name, attribute_value(value, charset)))
}

/// A value of an attribute or of a line that OCS prints of its own clients.
pub(super) fn attribute_value(value: &[u8], charset: Charset) -> AttributeLine<'_> {
    if let Some(text) = value.strip_prefix(b"'") {
        return AttributeLine::Quoted(text);
    }
    if let Ok((_, (length, head))) = list_head(value)
        && length >= 2
    {
        return AttributeLine::List(length, head);
    }
    let value = value.trim_ascii();
    let token = value.split(|byte| byte.is_ascii_whitespace()).next().unwrap_or_default();
    let token = std::str::from_utf8(token).unwrap_or_default();
    AttributeLine::Value(match token.parse() {
        _ if token.len() == 16 && token.len() == value.len() && token.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
            u64::from_str_radix(token, 16).map_or_else(|_| AttributeValue::Other(token.to_owned()), AttributeValue::Hex)
        }
        Ok(number) if !token.starts_with('+') => AttributeValue::Number(number),
        _ => AttributeValue::Other(shown(value, charset)),
    })
}

/// `[34] 00 01 00 00..`; a list of two bytes has but two to show.
fn list_head(input: &[u8]) -> Parsed<'_, (usize, Vec<u8>)> {
    let length = delimited(tag("["), digit1, tag("]")).map_opt(number);
    let byte =
        take_while_m_n(2, 2, |byte: u8| byte.is_ascii_hexdigit()).map_opt(|digits| hex(digits)?.first().copied());
    let (input, length) = preceded(space0, length).parse(input)?;
    let (input, bytes) = preceded(space0, separated_list0(tag(" "), byte)).parse(input)?;
    let (input, _) = (take_while(|byte| byte == b'.'), space0, eof).parse(input)?;
    Ok((input, (length, bytes)))
}

/// An unquoted key of what OCS prints of its own clients, and the text behind it.
pub(super) fn comm_line(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let key = verify(take_till1(|byte: u8| byte.is_ascii_whitespace()), |key: &[u8]| {
        key.first().is_some_and(u8::is_ascii_alphabetic) && key.iter().all(|byte| byte.is_ascii_graphic())
    });
    let parsed: Parsed<'_, &[u8]> = preceded(space1, key).parse(line);
    let (value, key) = parsed.ok()?;
    let value = value.trim_ascii();
    Some((key, value))
}

/// A value without the symbol in brackets behind it: `7 [GSW_CM_ReqLoadCampaign]`.
pub(super) fn without_symbol(value: &[u8]) -> &[u8] {
    let end = value.strip_suffix(b"]").and_then(|value| value.iter().rposition(|byte| *byte == b'['));
    match end.and_then(|end| value.split_at_checked(end)) {
        Some((value, _)) if !value.trim_ascii().is_empty() => value.trim_ascii_end(),
        _ => value,
    }
}

/// A pair and what follows its key.
pub(super) struct PairLine<'a> {
    pub(super) key: Vec<u8>,
    pub(super) form: PairForm<'a>,
}

/// What follows the key of a pair.
pub(super) enum PairForm<'a> {
    /// A value that is complete.
    Value(Value),
    /// Vendor style: the rest of the line behind the opening quote.
    Quoted(&'a [u8]),
    /// A list, its stated length if any, and the rest of the line.
    List(Option<usize>, &'a [u8]),
}

/// A pair; `line` starts with the quote of its key. In vendor style a key ends where a known form follows.
pub(super) fn pair<'a>(line: &'a [u8], style: Style, dialect: &Dialect) -> Option<PairLine<'a>> {
    let body = line.strip_prefix(b"'")?;
    if style == Style::Commdn {
        let (key, behind) = quoted(body)?;
        return Some(PairLine { key: key.bytes, form: form(behind, style, dialect)? });
    }
    body.iter().enumerate().filter(|(_, byte)| **byte == b'\'').find_map(|(end, _)| {
        let (key, behind) = body.split_at_checked(end)?;
        let form = form(behind.get(1..)?, style, dialect)?;
        Some(PairLine { key: key.to_vec(), form })
    })
}

fn form<'a>(input: &'a [u8], style: Style, dialect: &Dialect) -> Option<PairForm<'a>> {
    let space: Parsed<'a, &'a [u8]> = space1(input);
    if let Ok((value, _)) = space {
        return match value.strip_prefix(b"'") {
            Some(text) if style == Style::Vendor => Some(PairForm::Quoted(text)),
            Some(text) => {
                let (text, behind) = quoted(text)?;
                behind.trim_ascii().is_empty().then(|| PairForm::Value(Value::Str(text.text(dialect.charset))))
            }
            None => int(value.trim_ascii_end()).map(|number| PairForm::Value(Value::Int(number))),
        };
    }
    let (kind, rest) = input.strip_prefix(b"(").and_then(|input| {
        let end = input.iter().take(24).position(|byte| *byte == b')')?;
        let (kind, rest) = input.split_at_checked(end)?;
        Some((kind, rest.get(1..)?.trim_ascii_start()))
    })?;
    match kind {
        b"list" => Some(PairForm::List(None, rest)),
        b"bin" => hex(rest.trim_ascii_end()).map(|bytes| PairForm::Value(Value::Binary(bytes))),
        b"uni" => unicode(rest.strip_prefix(b"'")?, style).map(|text| PairForm::Value(Value::Unicode(text))),
        _ => {
            if let Some(length) = kind.strip_prefix(b"list ").and_then(number) {
                return Some(PairForm::List(Some(length), rest));
            }
            let code = kind.strip_prefix(b"type ").and_then(number).and_then(|code| u8::try_from(code).ok());
            let code = code.filter(|code| *code > 3)?; // 0 to 3 have their own forms
            hex(rest.trim_ascii_end()).map(|bytes| PairForm::Value(Value::Opaque { code, bytes }))
        }
    }
}

fn unicode(text: &[u8], style: Style) -> Option<String> {
    let bytes = match style {
        Style::Vendor => match close(text) {
            Closing::Closed(text) => text.to_vec(),
            Closing::Open(_) => return None,
        },
        Style::Commdn => quoted(text)?.0.bytes,
    };
    String::from_utf8(bytes).ok()
}

fn int(digits: &[u8]) -> Option<i32> {
    if digits.len() > 11 || digits.starts_with(b"+") {
        return None; // i32 has at most ten digits and a sign
    }
    let number: i64 = std::str::from_utf8(digits).ok()?.parse().ok()?;
    // Assumed: a number above i32 that fits u32 is the same four bytes, printed without their sign.
    i32::try_from(number).ok().or_else(|| u32::try_from(number).ok().map(u32::cast_signed))
}

fn number(digits: &[u8]) -> Option<usize> {
    let digits = std::str::from_utf8(digits).ok()?;
    digits.bytes().all(digit).then(|| digits.parse().ok())?
}

/// Bytes of a log for people.
pub(super) fn shown(bytes: &[u8], charset: Charset) -> String {
    Text::from_bytes(bytes, charset).display().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_heads_are_known_and_name_their_message() {
        let cases: [(&str, HeadKind, &str); 7] = [
            ("@10:00:00.0010 [0] 8.1 send_to_client: message EventUserEvent", HeadKind::TserverEvent, "EventUserEvent"),
            ("message RequestDistributeUserEvent", HeadKind::TserverRequest, "RequestDistributeUserEvent"),
            ("received from 65200(Sw)host:7007(fd=5) message EventUserEvent", HeadKind::OcsReceived, "EventUserEvent"),
            ("received from 65200(Sw)host:7007(fd=) message EventACK", HeadKind::OcsReceived, "EventACK"),
            ("request to 65200(TServer) message RequestAttachUserData", HeadKind::OcsSent, "RequestAttachUserData"),
            ("10:00:00.001 OCMClient[4]::message received", HeadKind::CommPrint, "OCMClient"),
            ("2017-04-25T10:00:00.001 Thirdparty, processing message", HeadKind::CommPrint, "Thirdparty"),
        ];
        for (line, kind, name) in cases {
            let head = head(line.as_bytes(), false).unwrap_or_else(|| panic!("no head: {line}"));
            assert_eq!((head.kind, head.name), (kind, name.as_bytes()), "{line}");
        }
    }

    #[test]
    fn lines_that_are_no_heads_are_left_alone() {
        for line in [
            "10:00:00.001 OCMClient[4]::Notifying backup, message received",
            "received from 23(OR_Server) message RequestInvoke(1000000100)",
            " message RequestDistributeUserEvent",
            "@x: message EventUserEvent",
            "the message RequestDistributeUserEvent",
        ] {
            assert!(head(line.as_bytes(), true).is_none(), "{line}");
        }
    }

    #[test]
    fn a_list_head_may_show_fewer_than_four_bytes() {
        let head = |text: &'static str| list_head(text.as_bytes()).ok().map(|(_, head)| head);
        assert_eq!(head("[34] 00 01 00 00.."), Some((34, vec![0, 1, 0, 0])));
        assert_eq!(head("[2] 00 00.."), Some((2, vec![0, 0])));
        assert_eq!(head("[2] 00 0"), None);
        assert_eq!(head("[99999999999999999999] 00 01 00 00.."), None);
    }

    #[test]
    fn the_last_quote_of_a_line_ends_the_text() {
        let Some(PairLine { key, form: PairForm::Quoted(text) }) =
            pair(b"'k'\t'it's 'so' '", Style::Vendor, &Dialect::default())
        else {
            panic!("a quoted pair")
        };
        assert_eq!(key, b"k");
        assert!(matches!(close(text), Closing::Closed(b"it's 'so' ")));
    }

    #[test]
    fn a_quote_inside_a_key_is_kept() {
        let pair = pair(b"'a'b'\t5", Style::Vendor, &Dialect::default()).unwrap();
        assert_eq!(pair.key, b"a'b");
        assert!(matches!(pair.form, PairForm::Value(Value::Int(5))));
    }

    #[test]
    fn ints_are_signed_and_of_four_bytes() {
        let read = |text: &str| int(text.as_bytes());
        assert_eq!(read("-2147483648"), Some(i32::MIN));
        assert_eq!(read("4294967295"), Some(-1));
        assert_eq!(read("4294967296"), None);
        assert_eq!(read("+1"), None);
    }

    #[test]
    fn peers_are_read_with_or_without_quotes() {
        assert_eq!(peer_of(b"10:00:00.001 Trc 04541 Message EventUserEvent received from 'ts@1'"), Some(&b"ts@1"[..]));
        assert_eq!(peer_of(b"Int 04543 Interaction message \"EventX\" received from 5 (ts)"), Some(&b"5 (ts)"[..]));
        assert_eq!(peer_of(b"nothing"), None);
    }
}
