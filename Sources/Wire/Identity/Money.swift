/// An amount of money: millionths of a currency unit.
///
/// All arithmetic is checked.
public struct Micros: Hashable, Sendable, Comparable, Codable, RawRepresentable {
  public let rawValue: Int64
  public init(rawValue: Int64) { self.rawValue = rawValue }
  public init(_ rawValue: Int64) { self.rawValue = rawValue }
  public static let zero = Micros(0)

  public static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }

  /// The sum, or a refusal with `amount_out_of_range` on overflow.
  public func adding(_ other: Micros) throws(Failure) -> Micros {
    let (sum, overflow) = rawValue.addingReportingOverflow(other.rawValue)
    guard !overflow else { throw Failure(.amountOutOfRange, "the sum does not fit in 64 bits") }
    return Micros(sum)
  }

  /// The difference, or a refusal with `amount_out_of_range` on overflow.
  public func subtracting(_ other: Micros) throws(Failure) -> Micros {
    let (rest, overflow) = rawValue.subtractingReportingOverflow(other.rawValue)
    guard !overflow else { throw Failure(.amountOutOfRange, "the rest does not fit in 64 bits") }
    return Micros(rest)
  }

  /// The product, or a refusal with `amount_out_of_range` on overflow.
  public func multiplied(by count: Int64) throws(Failure) -> Micros {
    let (product, overflow) = rawValue.multipliedReportingOverflow(by: count)
    guard !overflow else { throw Failure(.amountOutOfRange, "the product does not fit in 64 bits") }
    return Micros(product)
  }

  public var negated: Micros { Micros(-rawValue) }
}

/// An ISO 4217 currency code: three upper-case letters.
public struct Currency: Hashable, Sendable, CustomStringConvertible {
  public let code: String

  public init?(_ code: String) {
    let bytes = code.utf8
    guard bytes.count == 3, bytes.allSatisfy({ $0 >= 65 && $0 <= 90 }) else { return nil }
    self.code = code
  }

  public var description: String { code }
}

extension Currency: Codable {
  public init(from decoder: any Decoder) throws {
    let text = try decoder.singleValueContainer().decode(String.self)
    guard let value = Self(text) else {
      throw DecodingError.dataCorrupted(
        .init(codingPath: decoder.codingPath, debugDescription: "not an ISO 4217 code"))
    }
    self = value
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(code)
  }
}
