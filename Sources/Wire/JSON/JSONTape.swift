/// A JSON document as one flat array over its bytes: no tree, no copies until asked.
///
/// Accepts exactly RFC 8259 in UTF-8: strings with broken UTF-8, raw control characters, trailing
/// commas, leading zeros or anything behind the document are refused. Lone surrogate escapes
/// (`\ud800`) are grammatical; they decode to U+FFFD. Where an object repeats a key, lookups find
/// the **first**.
public struct JSONTape: Sendable {
  public enum Limits {
    /// Arrays and objects inside each other.
    public static let depth = 64
    /// Largest document, in bytes; offsets are 32-bit.
    public static let bytes = 16 * 1024 * 1024
  }

  /// Why a document was refused.
  public enum Malformed: Error, Hashable, Sendable {
    case syntax(offset: Int)
    case tooDeep(offset: Int)
    case tooLarge(bytes: Int)
  }

  let storage: Storage

  /// Parses the whole document.
  public init(_ bytes: [UInt8]) throws(Malformed) {
    guard bytes.count <= Limits.bytes else { throw .tooLarge(bytes: bytes.count) }
    var parser = JSONParser()
    try parser.parse(bytes.span)
    storage = Storage(bytes: bytes, entries: parser.entries)
  }

  public var root: JSONNode { JSONNode(storage: storage, index: 0) }

  /// One value: where it stands in the bytes, and which entry follows after it and its children.
  struct Entry: Sendable {
    var start: UInt32
    var end: UInt32
    var next: UInt32
    var kind: JSONNode.Kind
    /// Of strings: whether the bytes differ from the text.
    var escaped: Bool
  }

  /// Shared by all nodes of a document.
  final class Storage: Sendable {
    let bytes: [UInt8]
    let entries: [Entry]
    init(bytes: [UInt8], entries: [Entry]) {
      self.bytes = bytes
      self.entries = entries
    }
  }
}
