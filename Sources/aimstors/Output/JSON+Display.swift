import GraphSimulator

extension JSON {
  /// A value as one cell of a table.
  var cell: String {
    switch self {
    case .null: "-"
    case .string(let text): text
    case .bool(let flag): flag ? "yes" : "no"
    case .integer(let number): String(number)
    case .double(let number): String(number)
    case .array, .object: serialized()
    }
  }

  /// The cell of a member, `-` where it is absent.
  func cell(_ name: String) -> String { self[name]?.cell ?? "-" }

  /// Micros as an amount for people, such as `12.500000`.
  func amount(_ name: String) -> String {
    guard let micros = self[name]?.integer else { return "-" }
    let digits = String(micros.magnitude % 1_000_000)
    let fraction = String(repeating: "0", count: 6 - digits.count) + digits
    return (micros < 0 ? "-" : "") + "\(micros.magnitude / 1_000_000).\(fraction)"
  }
}
