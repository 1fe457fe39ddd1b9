/// The name of one thing of one kind; two kinds never mix.
///
/// Encoded as a bare string. Identifiers travel in paths, file names and logs, so the alphabet is
/// narrow: see ``Identifier/init(_:)``.
public struct Identifier<Subject>: Hashable, Sendable, Comparable, CustomStringConvertible {
  /// Longest identifier accepted from outside, in bytes.
  public static var maximumLength: Int { 64 }

  public let rawValue: String

  /// An identifier made by this system; the caller vouches for its form.
  public init(trusted rawValue: String) { self.rawValue = rawValue }

  /// An identifier from outside: 1 to 64 of `a-z A-Z 0-9 _ -`, or nil.
  public init?(_ rawValue: String) {
    guard Self.isWellFormed(rawValue) else { return nil }
    self.rawValue = rawValue
  }

  public var description: String { rawValue }

  public static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }

  static func isWellFormed(_ text: String) -> Bool {
    let bytes = text.utf8
    guard !bytes.isEmpty, bytes.count <= maximumLength else { return false }
    return bytes.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
        true
      default: false
      }
    }
  }
}

extension Identifier: Codable {
  public init(from decoder: any Decoder) throws {
    let text = try decoder.singleValueContainer().decode(String.self)
    guard let value = Self(text) else {
      throw DecodingError.dataCorrupted(
        .init(codingPath: decoder.codingPath, debugDescription: "not a well-formed identifier"))
    }
    self = value
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(rawValue)
  }
}

/// The kinds of things that identifiers name.
///
/// One registry, so that migration is mechanical.
public enum Subjects {
  public enum Tenant {}
  public enum Cell {}
  public enum Router {}
  public enum Operation {}
  public enum Region {}
  public enum MetaApp {}
}

public typealias TenantID = Identifier<Subjects.Tenant>
public typealias CellID = Identifier<Subjects.Cell>
public typealias RouterID = Identifier<Subjects.Router>
public typealias OperationID = Identifier<Subjects.Operation>
public typealias RegionID = Identifier<Subjects.Region>
/// The name under which one of our Meta apps is configured: the `{app}` of a webhook address.
public typealias MetaAppID = Identifier<Subjects.MetaApp>
