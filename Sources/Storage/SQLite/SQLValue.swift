/// A value in a row or bound to a parameter.
public enum SQLValue: Hashable, Sendable {
  case null
  case integer(Int64)
  case text(String)
  case blob([UInt8])

  public static func int(_ value: Int) -> SQLValue { .integer(Int64(value)) }
  public static func optional(_ value: Int64?) -> SQLValue { value.map(SQLValue.integer) ?? .null }
  public static func optional(_ value: String?) -> SQLValue { value.map(SQLValue.text) ?? .null }
  public static func optional(_ value: [UInt8]?) -> SQLValue { value.map(SQLValue.blob) ?? .null }
}

extension SQLValue: ExpressibleByIntegerLiteral, ExpressibleByStringLiteral, ExpressibleByNilLiteral
{
  public init(integerLiteral value: Int64) { self = .integer(value) }
  public init(stringLiteral value: String) { self = .text(value) }
  public init(nilLiteral: ()) { self = .null }
}
