/// One value of a ``JSONTape``.
///
/// Cheap to copy; keeps the document alive.
///
/// Every accessor answers nil where the value is of another kind: nested objects of other people's
/// documents are all optional.
public struct JSONNode: Sendable {
  public enum Kind: UInt8, Hashable, Sendable {
    case object, array, string
    /// A number without fraction and exponent.
    case integer
    case number
    case `true`, `false`, null
  }

  let storage: JSONTape.Storage
  let index: Int

  private var entry: JSONTape.Entry { storage.entries[index] }

  public var kind: Kind { entry.kind }
  public var isNull: Bool { kind == .null }

  /// The value's bytes exactly as received, quotes and brackets included.
  public var raw: ArraySlice<UInt8> {
    let entry = entry
    return storage.bytes[Int(entry.start)..<Int(entry.end)]
  }

  /// Where ``raw`` stands in the document.
  public var range: Range<Int> { Int(entry.start)..<Int(entry.end) }

  /// A string's text, escapes undone.
  public var string: String? {
    let entry = entry
    guard entry.kind == .string else { return nil }
    let inner = storage.bytes[Int(entry.start) + 1..<Int(entry.end) - 1]
    return entry.escaped ? JSONEscapes.decode(inner) : String(decoding: inner, as: UTF8.self)
  }

  /// An integer that fits in 64 bits.
  ///
  /// Template ids have 16 and more digits: never through Double.
  public var integer: Int64? {
    guard kind == .integer else { return nil }
    return Self.integer(raw)
  }

  /// An integer, or a string that holds nothing but one: Meta writes times both ways.
  public var lenientInteger: Int64? {
    switch kind {
    case .integer: return Self.integer(raw)
    case .string: return Self.integer(raw.dropFirst().dropLast())
    default: return nil
    }
  }

  /// A string, or an integer's digits: identifiers come both ways.
  public var lenientString: String? {
    kind == .integer ? String(decoding: raw, as: UTF8.self) : string
  }

  public var double: Double? {
    guard kind == .integer || kind == .number else { return nil }
    return Double(String(decoding: raw, as: UTF8.self))
  }

  public var bool: Bool? {
    switch kind {
    case .true: true
    case .false: false
    default: nil
    }
  }

  /// The value under `key`: the first, where the object repeats the key.
  public subscript(key: String) -> JSONNode? {
    guard kind == .object else { return nil }
    let end = Int(entry.next)
    var at = index + 1
    while at < end {
      if matches(at, key) { return JSONNode(storage: storage, index: at + 1) }
      at = Int(storage.entries[at + 1].next)
    }
    return nil
  }

  /// The element at a position, counted from 0; walks the array.
  public subscript(position: Int) -> JSONNode? {
    guard position >= 0 else { return nil }
    var rest = position
    for element in elements {
      if rest == 0 { return element }
      rest -= 1
    }
    return nil
  }

  /// An array's elements; none for any other kind.
  public var elements: Elements {
    let isArray = kind == .array
    return Elements(storage: storage, at: index + 1, end: isArray ? Int(entry.next) : index + 1)
  }

  /// An object's members in order, repeated keys included; none for any other kind.
  public var members: Members {
    let isObject = kind == .object
    return Members(storage: storage, at: index + 1, end: isObject ? Int(entry.next) : index + 1)
  }

  public struct Elements: Sequence, IteratorProtocol, Sendable {
    let storage: JSONTape.Storage
    var at: Int
    let end: Int

    public mutating func next() -> JSONNode? {
      guard at < end else { return nil }
      defer { at = Int(storage.entries[at].next) }
      return JSONNode(storage: storage, index: at)
    }
  }

  public struct Members: Sequence, IteratorProtocol, Sendable {
    let storage: JSONTape.Storage
    var at: Int
    let end: Int

    public mutating func next() -> (key: String, value: JSONNode)? {
      guard at < end else { return nil }
      defer { at = Int(storage.entries[at + 1].next) }
      let key = JSONNode(storage: storage, index: at).string ?? ""
      return (key, JSONNode(storage: storage, index: at + 1))
    }
  }

  private func matches(_ at: Int, _ key: String) -> Bool {
    let entry = storage.entries[at]
    if entry.escaped { return JSONNode(storage: storage, index: at).string == key }
    let length = Int(entry.end) - Int(entry.start) - 2
    guard length == key.utf8.count else { return false }
    return storage.bytes[Int(entry.start) + 1..<Int(entry.end) - 1].elementsEqual(key.utf8)
  }

  private static func integer(_ digits: ArraySlice<UInt8>) -> Int64? {
    var digits = digits
    let negative = digits.first == UInt8(ascii: "-")
    if negative { digits = digits.dropFirst() }
    guard !digits.isEmpty, digits.count <= 19 else { return nil }
    var value: Int64 = 0
    for digit in digits {
      guard digit >= 0x30, digit <= 0x39 else { return nil }
      let (tens, over) = value.multipliedReportingOverflow(by: 10)
      let units = Int64(digit - 0x30)
      let (sum, overSum) =
        negative ? tens.subtractingReportingOverflow(units) : tens.addingReportingOverflow(units)
      guard !over, !overSum else { return nil }
      value = sum
    }
    return value
  }
}
