use super::*;

fn message(body: &[u8], more: bool) -> Vec<u8> {
    let mut frame = vec![u8::from(more) | LONG];
    frame.extend((body.len() as u64).to_be_bytes());
    frame.extend(body);
    frame
}

fn ping(context: &[u8]) -> Vec<u8> {
    let mut frame = vec![COMMAND, 7 + context.len() as u8];
    frame.extend(b"\x04PING\x00\x64");
    frame.extend(context);
    frame
}

/// Feeds `stream` in pieces of `piece` bytes; returns message bytes and command bodies.
fn scan(stream: &[u8], piece: usize, max: usize) -> Result<(Vec<u8>, Vec<Vec<u8>>), Violation> {
    let mut scanner = Scanner::new(max);
    let (mut unread, mut passed, mut commands) = (Vec::new(), Vec::new(), Vec::new());
    for chunk in stream.chunks(piece) {
        unread.extend_from_slice(chunk);
        loop {
            let used = match scanner.next(&unread)? {
                Next::Messages(n) => {
                    passed.extend_from_slice(&unread[..n]);
                    n
                }
                Next::Command(head, body) => {
                    assert!(scanner.at_border(), "commands stand between messages here");
                    commands.push(unread[head..head + body].to_vec());
                    head + body
                }
                Next::Incomplete => break,
            };
            unread.drain(..used);
        }
    }
    Ok((passed, commands))
}

#[test]
fn commands_are_taken_out_wherever_the_stream_is_cut() {
    let messages = [message(&[7; 300], false), vec![0, 2, 1, 2], message(b"", true), message(b"x", false)];
    let mut stream = Vec::new();
    stream.extend(&messages[0]);
    stream.extend(ping(b"ctx"));
    stream.extend(&messages[1]);
    stream.extend(ping(b""));
    stream.extend(&messages[2]);
    stream.extend(&messages[3]);
    for piece in 1..=stream.len() {
        let (passed, commands) = scan(&stream, piece, 1000).unwrap();
        assert_eq!(passed, messages.concat(), "in pieces of {piece}");
        assert_eq!(commands, [b"\x04PING\x00\x64ctx".to_vec(), b"\x04PING\x00\x64".to_vec()]);
    }
}

#[test]
fn a_head_that_claims_too_much_is_refused_before_its_body() {
    let mut head = vec![LONG];
    head.extend((1u64 << 62).to_be_bytes());
    assert_eq!(scan(&head, 1, 1 << 20), Err(Violation::Oversized));
    head[1..].fill(0xff);
    assert_eq!(scan(&head, 9, 1 << 20), Err(Violation::Oversized));
    head[0] = LONG | COMMAND;
    assert_eq!(scan(&head, 9, 1 << 20), Err(Violation::LongCommand));
}

#[test]
fn frames_of_one_message_share_its_limit() {
    let part = message(&[0; 60], true);
    assert_eq!(scan(&[part.clone(), part.clone()].concat(), 5, 100), Err(Violation::Oversized));
    let whole = message(&[0; 60], false);
    assert!(scan(&[whole.clone(), whole].concat(), 5, 100).is_ok());
    let endless = message(b"", true).repeat(MAX_FRAMES as usize + 1);
    assert_eq!(scan(&endless, 64, 100), Err(Violation::Oversized));
}

#[test]
fn messages_before_a_violation_are_passed_on() {
    let mut scanner = Scanner::new(100);
    let stream = [message(b"good", false), vec![0xff, 0xff]].concat();
    assert_eq!(scanner.next(&stream), Ok(Next::Messages(13)));
    assert_eq!(scanner.next(&stream[13..]), Err(Violation::Flags));
}

#[test]
fn unknown_flags_are_refused() {
    assert_eq!(scan(&[0x80, 1], 2, 100), Err(Violation::Flags));
    assert_eq!(scan(&[COMMAND | MORE, 1], 2, 100), Err(Violation::Flags));
}

#[test]
fn our_own_handshake_passes_our_own_check() {
    check_greeting(&greeting()).unwrap();
    let frame = ready("PUSH", b"id");
    assert_eq!(socket_type(&frame[2..]), Ok(&b"PUSH"[..]));
}

#[test]
fn greetings_of_later_versions_pass_and_others_do_not() {
    let mut bytes = greeting();
    bytes[11] = 1;
    check_greeting(&bytes).unwrap();
    for (at, value) in [(0, 0), (9, 0), (10, 2), (12, b'P'), (16, b'X')] {
        let mut wrong = greeting();
        wrong[at] = value;
        assert_eq!(check_greeting(&wrong), Err(Violation::Greeting), "byte {at}");
    }
}

#[test]
fn a_ready_cut_anywhere_is_refused_without_panic() {
    let frame = ready("DEALER", b"");
    let body = &frame[2..];
    for cut in 0..b"\x05READY\x0bSocket-Type\x00\x00\x00\x06DEALE".len() {
        assert_eq!(socket_type(&body[..cut]), Err(Violation::Ready), "cut at {cut}");
    }
}

#[test]
fn a_pong_repeats_the_context_of_its_ping() {
    assert_eq!(pong(b"\x04PING\x00\x01abc").unwrap(), b"\x04\x08\x04PONGabc");
    assert_eq!(pong(b"\x04PING\x00\x01").unwrap(), b"\x04\x05\x04PONG");
    assert_eq!(pong(b"\x04PING"), None);
    assert_eq!(pong(b"\x04PONGabc"), None);
}
