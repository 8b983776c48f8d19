//! What a compiled descriptor set must be before it is looked into. The library that resolves descriptors takes what a compiler of schemas
//! writes, and does not expect anything else (found by the fuzzer); registries take what anybody sends.

use prost_reflect::prost::Message as _;
use prost_reflect::prost_types::{DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet};

/// Whether the bytes are a set whose files have a syntax that is known, names that are names, and references to what is there; the error
/// says what is wrong.
pub(super) fn examine(bytes: &[u8]) -> Result<(), String> {
    let set = FileDescriptorSet::decode(bytes).map_err(|error| error.to_string())?;
    set.file.iter().try_for_each(file)
}

fn file(file: &FileDescriptorProto) -> Result<(), String> {
    // None is proto2; an empty one is none of them.
    if !matches!(file.syntax.as_deref(), None | Some("proto2" | "proto3")) {
        return Err(format!(
            "a file of the descriptor set has the syntax `{}`; proto2 and proto3 are known",
            file.syntax()
        ));
    }
    if !file.package().is_empty() {
        file.package().split('.').try_for_each(|part| name("package", part))?;
    }
    let dependencies = || file.public_dependency.iter().chain(&file.weak_dependency);
    if dependencies().any(|index| usize::try_from(*index).map_or(true, |index| index >= file.dependency.len())) {
        return Err("a file of the descriptor set names a dependency that it does not have".into());
    }
    file.message_type.iter().try_for_each(message)?;
    file.enum_type.iter().try_for_each(enumeration)?;
    file.extension.iter().try_for_each(field)
}

// Nested no deeper than the decoder of the set lets through.
fn message(message: &DescriptorProto) -> Result<(), String> {
    name("message", message.name())?;
    message.field.iter().try_for_each(field)?;
    message.extension.iter().try_for_each(field)?;
    message.enum_type.iter().try_for_each(enumeration)?;
    let oneofs = message.oneof_decl.len();
    message.oneof_decl.iter().try_for_each(|oneof| name("oneof", oneof.name()))?;
    let lost = |field: &FieldDescriptorProto| {
        field
            .oneof_index
            .is_some_and(|index| usize::try_from(index).map_or(true, |index| index >= oneofs))
    };
    if message.field.iter().any(lost) {
        return Err("a field of the descriptor set is in a oneof that its message does not have".into());
    }
    message.nested_type.iter().try_for_each(self::message)
}

fn enumeration(of: &EnumDescriptorProto) -> Result<(), String> {
    name("enum", of.name())?;
    if of.value.is_empty() {
        return Err("an enum of the descriptor set has no values".into());
    }
    of.value.iter().try_for_each(|value| name("enum value", value.name()))
}

fn field(field: &FieldDescriptorProto) -> Result<(), String> {
    name("field", field.name())
}

/// A name as the grammar of schemas has it (`ident` of the Protobuf language specifications).
fn name(of: &str, name: &str) -> Result<(), String> {
    let mut bytes = name.bytes();
    let begins = bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    if begins && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        return Ok(());
    }
    Err(format!("a name of the descriptor set is none: {of} `{}`", name.escape_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_compiler_writes_is_refused() {
        let good = FileDescriptorProto {
            package: Some("a.b".into()),
            message_type: vec![DescriptorProto {
                name: Some("M".into()),
                ..DescriptorProto::default()
            }],
            ..FileDescriptorProto::default()
        };
        let examined = |file: FileDescriptorProto| examine(&FileDescriptorSet { file: vec![file] }.encode_to_vec());
        assert_eq!(examined(good.clone()), Ok(()));
        let mut cases = vec![good.clone(); 7];
        cases[0].syntax = Some("proto4".into());
        cases[1].package = Some("a..b".into());
        cases[2].public_dependency = vec![0];
        cases[3].weak_dependency = vec![-1];
        cases[4].message_type[0].name = Some("a.b".into());
        cases[5].message_type[0].field = vec![FieldDescriptorProto {
            name: Some("x".into()),
            oneof_index: Some(0),
            ..FieldDescriptorProto::default()
        }];
        cases[6].syntax = Some(String::new());
        for case in cases {
            assert!(examined(case.clone()).is_err(), "{case:?}");
        }
    }
}
