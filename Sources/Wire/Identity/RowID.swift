/// The key of one row in one tenant: 63 bits that rise with time, never reused.
///
/// 42 bits of milliseconds, 21 of sequence started at random, so that a tenant restored to the past
/// does not hand out the identifiers of its abandoned future again. Outside it is written with a
/// prefix that names the kind, in lower-case base 32 (`msg_0d7k2m9q4hv1c`).
public struct RowID: Hashable, Sendable, Comparable {
  public let rawValue: Int64

  public init(_ rawValue: Int64) { self.rawValue = rawValue }

  public static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }

  /// The next identifier after `last` at the tenant's time `now`.
  public static func next(after last: RowID, now: Timestamp, entropy: UInt64) -> RowID {
    let fresh = (now.milliseconds << 21) | Int64(entropy & 0x0F_FFFF)
    return RowID(fresh > last.rawValue ? fresh : last.rawValue + 1)
  }

  /// The lowest identifier of a millisecond; of a time beyond the 42 bits the nearest there is.
  public static func lowest(at time: Timestamp) -> RowID {
    RowID(min(max(0, time.milliseconds), (1 << 42) - 1) << 21)
  }

  /// The time that stands in it; it may run ahead of when the row was made.
  public var time: Timestamp { Timestamp(milliseconds: rawValue >> 21) }

  private static let alphabet = Array("0123456789abcdefghjkmnpqrstvwxyz".utf8)

  /// The public form, such as `msg_0d7k2m9q4hv1c` for the prefix `msg`.
  public func text(_ prefix: RowKind) -> String {
    var digits = [UInt8](repeating: 0, count: 13)
    var rest = UInt64(bitPattern: rawValue)
    for index in stride(from: 12, through: 0, by: -1) {
      digits[index] = Self.alphabet[Int(rest & 31)]
      rest >>= 5
    }
    return "\(prefix.rawValue)_" + String(decoding: digits, as: UTF8.self)
  }

  /// Reads the public form back; nil when the prefix is another kind's or the text is malformed.
  public init?(_ text: String, _ prefix: RowKind) {
    let head = prefix.rawValue.utf8.count + 1
    let bytes = Array(text.utf8)
    guard bytes.count == head + 13, text.hasPrefix(prefix.rawValue + "_") else { return nil }
    var value: UInt64 = 0
    for byte in bytes[head...] {
      guard let digit = Self.alphabet.firstIndex(of: byte) else { return nil }
      guard value < (1 << 58) || digit < 32, value >> 59 == 0 else { return nil }
      value = value << 5 | UInt64(digit)
    }
    guard value <= UInt64(Int64.max) else { return nil }
    rawValue = Int64(value)
  }
}

/// The kinds of rows with a public identifier, by prefix.
public enum RowKind: String, Sendable, CaseIterable {
  case message = "msg"
  case campaign = "cmp"
  case number = "num"
  case contact = "con"
  case template = "tpl"
  case apiKey = "key"
  case session = "ses"
  case hold = "hld"
  case entry = "ent"
  case transfer = "trf"
  case usageEvent = "use"
  case topUp = "top"
  case price = "prc"
  case media = "med"
  case quarantine = "qua"
  case operation = "op"
  case joinToken = "jtk"
  case platformOperator = "opr"
  case user = "usr"
  case impersonation = "imp"
  case alert = "alr"

  /// What people call it, such as `API key`.
  public var name: String {
    switch self {
    case .apiKey: "API key"
    case .usageEvent: "usage event"
    case .topUp: "top-up"
    case .joinToken: "join token"
    case .platformOperator: "operator"
    case .entry: "ledger entry"
    default: String(describing: self)
    }
  }
}
