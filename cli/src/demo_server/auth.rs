//! HTTP Basic authentication: which user a request names.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::HeaderMap;
use hyper::header::AUTHORIZATION;

/// The user name of a Basic `Authorization` header; none without one, when it can not be read, or when the
/// name is empty. The password is not looked at.
pub fn basic_user(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (user, _password) = decoded.split_once(':')?;
    (!user.is_empty()).then(|| user.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user_of(value: &str) -> Option<String> {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, value.parse().unwrap());
        basic_user(&headers)
    }

    #[test]
    fn the_user_is_what_stands_before_the_first_colon() {
        assert_eq!(user_of("Basic YWxpY2U6c2VjcmV0"), Some("alice".into()));
        assert_eq!(user_of("basic YWxpY2U6YTpi"), Some("alice".into()), "password a:b");
    }

    #[test]
    fn what_is_not_basic_or_not_readable_names_nobody() {
        for value in ["Bearer abc", "Basic", "Basic !!!", "Basic YWxpY2U=", "Basic OnNlY3JldA=="] {
            assert_eq!(user_of(value), None, "{value}");
        }
        assert_eq!(basic_user(&HeaderMap::new()), None);
    }
}
