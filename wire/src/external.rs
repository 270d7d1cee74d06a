//! The JSON that runners in any language send: lenient where practice was (docs/external-runners.md).
