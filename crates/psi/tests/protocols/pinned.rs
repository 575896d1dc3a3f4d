//! The bytes of every message, from fixed seeds. A change here is a change of the protocol.

use psi::party::{Header, MessageKind};
use psi::{ErrorBudget, Item, Parameters, Sizes};
use sha2::{Digest, Sha256};

use crate::drive::{Message, run};
use crate::world::{Engine, MODES, Mode, SHARED_MODES, World};

/// Two items against three, one in common, padded to three and four.
fn world() -> World {
    let items = |firsts: &[u8]| firsts.iter().map(|first| Item::from([*first; 16])).collect();
    World {
        parameters: Parameters {
            session_id: [0x5e; 32],
            sizes: Sizes { receiver: 3, sender: 4 },
            budget: ErrorBudget::new(40).expect("a budget"),
        },
        receiver: items(&[1, 2]),
        sender: items(&[2, 3, 4]),
        seeds: [[0xa1; 32].into(), [0xb2; 32].into()],
    }
}

fn messages(mode: Mode) -> Vec<Message> {
    messages_on(&world(), Engine::DiffieHellman, mode)
}

fn messages_on(world: &World, engine: Engine, mode: Mode) -> Vec<Message> {
    let receiver = world.receiver_on(engine, mode).expect("a receiver");
    let sender = world.sender_on(engine, mode).expect("a sender");
    let run = run(receiver, sender, 0).expect("a run to the end");
    [run.from_receiver, run.from_sender].concat()
}

fn rows(message: &Message) -> Vec<String> {
    message.elements.chunks(message.header.width as usize).map(hex::encode).collect()
}

#[test]
fn kinds_have_their_numbers() {
    let numbers = [
        (MessageKind::Blinded, 1),
        (MessageKind::Evaluated, 2),
        (MessageKind::LabelledTags, 4),
        (MessageKind::Claims, 5),
        (MessageKind::Masked, 6),
        (MessageKind::DoublyMasked, 7),
        (MessageKind::TagHighs, 8),
        (MessageKind::TagLows, 9),
        (MessageKind::BaseKey, 10),
        (MessageKind::BaseChoices, 11),
        (MessageKind::Transfers, 12),
        (MessageKind::MaskedNoise, 13),
        (MessageKind::RowSeed, 14),
        (MessageKind::Corrections, 15),
        (MessageKind::MaskedVector, 16),
    ];
    for (kind, number) in numbers {
        assert_eq!((kind as u8, MessageKind::from_byte(number)), (number, Some(kind)));
    }
    // 3 had been given once.
    assert_eq!([0, 3, 17, 255].map(MessageKind::from_byte), [None; 4]);
}

#[test]
fn messages_have_their_headers() {
    let headers = |mode| messages(mode).iter().map(|message| message.header).collect::<Vec<_>>();
    let header = |kind, width, count| Header { kind, width, count };
    let exchange = [header(MessageKind::Blinded, 32, 3), header(MessageKind::Evaluated, 32, 3)];
    let [blinded, evaluated] = exchange;
    // 44 bits a tag, two of them in the first message.
    let [highs, lows] = [header(MessageKind::TagHighs, 8, 1), header(MessageKind::TagLows, 8 * 42, 1)];
    assert_eq!(headers(Mode::Membership), [blinded, evaluated, highs, lows]);
    // 32 of the tag, 20 of the padded label, 16 of the seal.
    assert_eq!(headers(Mode::Labelled), [blinded, evaluated, header(MessageKind::LabelledTags, 68, 4)]);
    let claims = header(MessageKind::Claims, 16, 1);
    assert_eq!(headers(Mode::Both), [blinded, claims, evaluated, highs, lows]);
    let tags = header(MessageKind::DoublyMasked, 6, 3);
    assert_eq!(headers(Mode::Cardinality), [blinded, header(MessageKind::Masked, 32, 4), tags]);
}

#[test]
fn messages_have_their_bytes() {
    let digest = |mode: Mode| {
        let mut hash = Sha256::new();
        messages(mode).iter().for_each(|message| hash.update(&message.elements));
        hex::encode(hash.finalize())
    };
    assert_eq!(
        MODES.map(digest),
        [
            "4668b19ee75b5988d7ef31ca202d13078b243325c8c4ab87843ff83ca7e0ef55",
            "fed2e8a1eeaac678a46362f1e5dc6becc63ca395d91201095a419c6e9e90b9e1",
            "4ef4f6523e808947a98253218236ae70425d1de333aebed59446f4f3a9ca1536",
            "b31aa59122fae2fe8849c7191a36d816fbb1bcc5a280ae037c0e0abe585ec7cc"
        ]
    );
}

#[test]
fn short_messages_byte_by_byte() {
    let membership = messages(Mode::Membership);
    assert_eq!(
        rows(&membership[0]),
        [
            "6a7e79810e0e6b94eba1fd0ffa20b4b1fb370fc2ceb2723fdff24bf110b9982b",
            "84a0f63f93ee848708f2c86d01ec7805e2ec2f897100c93bd48eb1d15abf9034",
            "385effc65ff8d44f9f8312b8e347c796460edb14118893dd32eabfba89967139"
        ]
    );
    assert_eq!(
        rows(&membership[1]),
        [
            "960eb1f031e7ab4478c9961b2a82388a2ab93875571a404c4648781c71bcec0d",
            "06ece8b4f6b0ae7bbbfa0aae9a0ca727c5cb2bbc2a8f14ebda22d8e89e191d71",
            "0eb074e610ce3f0f6a22d59086071b831da1fe0a007ca4563cca6011beb51758"
        ]
    );
    // Tags 6d9a50698f8, 77cb6bf7168, a37edeb69a8, d8168611191: of 44 bits, the first two of which go ahead.
    assert_eq!(rows(&membership[2]), ["5600000000000000"]);
    assert_eq!(rows(&membership[3]), [format!("{:0<672}", "f89806a5d9a2c5fddaf28d9ab6de7e636444185a60")]);
}

#[test]
fn rows_with_labels_byte_by_byte() {
    assert_eq!(
        rows(&messages(Mode::Labelled)[2]),
        [
            "24d2aa74b071bc4bfb0c0f20f73ada82149389f6d45361a00352cc0ca233c5ba62e4f71a91c93562c88fc8593d4ebcbf7769a3d1b59218fe3eb3ced0a592832d20295ed1",
            "6a073fa78395e138241680d1a4e3953a4eb4bdafa8f65e76901ae63fdfeef3fc645105b07deaad6db2880a11164f99af9823d3c7d5378cd08f9a0d1b8f44ef26ccf36a47",
            "b23ac80e2ff861b6f5ecdffeac38a62f13a5390884acd428d3ea7f4d0481042e49d3af9cacdd88f5e9cfa100970098236679a42fe9ac55873c41134b35f73a754530cae9",
            "c1452d922677e223be97bc0ffc4dcfff8ff8ab8e21500efe07924917e68999ee2407343cfe8812e390f0c25e62bac7438c4658cbb380160abe29c18989a658063f00d475"
        ]
    );
}

#[test]
fn tags_and_claims_byte_by_byte() {
    let both = messages(Mode::Both);
    assert_eq!(rows(&both[1]), ["6e6a008b1a8c325e2b14ddffc204e91e"]);
    // 765e80568bf, cb75e2bfc5e, dc00fcccaf2, f18438343cd.
    assert_eq!(rows(&both[3]), ["7200000000000000"]);
    assert_eq!(rows(&both[4]), [format!("{:0<672}", "bf6805e8657bf1af78dd22afccfc005cf3d0e010c6")]);
}

#[test]
fn counting_byte_by_byte() {
    let cardinality = messages(Mode::Cardinality);
    assert_eq!(
        rows(&cardinality[0]),
        [
            "70d831f65a32724b58a444ef76ac515b50c0ce18157b931705bf45065d099324",
            "cc37242fbf50f12a3c3ce757f70c97159182ac79b07dc88df3bc815e49e8834d",
            "cc86701632da4cb157e4f91bd6dc0e6f0a0836ff9e3bd1de19125584a85d676e"
        ]
    );
    assert_eq!(
        rows(&cardinality[1]),
        [
            "0c692f75810e55734cd10eedf5cefea765e82fdda93d0abf1b98fce1fbdf6f1c",
            "42b9088e7bd4ab726e60db7167d50ad604d2d8d02c1e494ebd31d38660f6cf75",
            "c231fc02ad172cbe51e8981d18dd2c7496b24b9da553ba3e4776861c3a6e0121",
            "ce1bbe8015ff0dd005760e4ca495e152e6990412b5bc0e19d22b6d260b139b1c"
        ]
    );
    assert_eq!(rows(&cardinality[2]), ["7dde7ca4b466", "c2dea9ae785d", "c81cbb3f43f3"]);
}

/// The same sets, with a budget under which the vectors are over GF(2^128).
fn strict_world() -> World {
    let mut world = world();
    world.parameters.budget = ErrorBudget::new(64).expect("a budget");
    world
}

#[test]
fn messages_of_vole_have_their_headers() {
    let header = |kind, width, count| Header { kind, width, count };
    let headers = |world: &World, mode| {
        messages_on(world, Engine::Vole, mode).iter().map(|message| message.header).collect::<Vec<_>>()
    };
    // 224 trees over blocks of 2·2^14/224 = 147 symbols, so 8 levels; 4 columns for 3 items and a band of 256.
    let trees = 224;
    let vector = (4 + 255_u64).next_multiple_of(8);
    let function = |element: u32| {
        [
            header(MessageKind::BaseKey, 32, 1),
            header(MessageKind::Transfers, trees, 128),
            header(MessageKind::MaskedNoise, element * trees, 128),
            header(MessageKind::RowSeed, 4, 1),
            header(MessageKind::MaskedVector, element, vector),
            header(MessageKind::BaseChoices, 32, 256),
            header(MessageKind::Corrections, 8 * 32 + 16, trees.into()),
        ]
    };
    let expected = |element, lists: &[Header]| [&function(element), lists].concat();
    let [highs, lows] = [header(MessageKind::TagHighs, 8, 1), header(MessageKind::TagLows, 8 * 42, 1)];
    assert_eq!(headers(&world(), Mode::Membership), expected(8, &[highs, lows]));
    assert_eq!(headers(&world(), Mode::Labelled), expected(8, &[header(MessageKind::LabelledTags, 68, 4)]));
    let mut both = expected(8, &[highs, lows]);
    both.insert(5, header(MessageKind::Claims, 16, 1));
    assert_eq!(headers(&world(), Mode::Both), both);
    let longer = header(MessageKind::TagLows, 8 * 66, 1);
    assert_eq!(headers(&strict_world(), Mode::Membership), expected(16, &[highs, longer]));
}

#[test]
fn messages_of_vole_have_their_bytes() {
    let digests = |world: &World, mode| -> Vec<String> {
        let digest = |message: &Message| hex::encode(&Sha256::digest(&message.elements)[..8]);
        messages_on(world, Engine::Vole, mode).iter().map(digest).collect()
    };
    let [membership, labelled, both] = SHARED_MODES.map(|mode| digests(&world(), mode));
    assert_eq!(
        membership,
        [
            "897981abf9ceb8bd",
            "00d09c7a2afa161d",
            "d5c97db8309559e7",
            "df3f619804a92fdb",
            "2bf1337fac8c572d",
            "217332b7cd14f5d9",
            "d128643849f3727d",
            "4d159113222bfeb8",
            "3870bb93ff8113ff",
        ]
    );
    // The function is the same in every mode; what is made of it is not.
    assert_eq!((&labelled[..7], &both[..5], &both[6..8]), (&membership[..7], &membership[..5], &membership[5..7]));
    assert_eq!(labelled[7..], ["2966bdf968749d5b"]);
    assert_eq!([&both[5], &both[8], &both[9]], ["8c1923ea221f1e41", "6e3989bfdab96750", "04c5e48b0c695ee0"]);
    assert_eq!(
        digests(&strict_world(), Mode::Membership),
        [
            "897981abf9ceb8bd",
            "00d09c7a2afa161d",
            "e4e800310d4209d3",
            "df3f619804a92fdb",
            "36b63fb6289d4df9",
            "217332b7cd14f5d9",
            "4722a52c4869c2a2",
            "ede8d7481f2e244c",
            "19b5f96514a85ad7",
        ]
    );
}
