//! Every field of INFO that Redis 7.2 has is there, in its order, and moves when it should.

use super::*;

#[test]
fn amounts_for_people() {
    for (bytes, text) in [
        (0, "0B"),
        (1023, "1023B"),
        (1024, "1.00K"),
        (1_029_640, "1005.51K"),
        (1_208_112, "1.15M"),
        (25_276_510_208, "23.54G"),
    ] {
        assert_eq!(Human(bytes).to_string(), text);
    }
}
