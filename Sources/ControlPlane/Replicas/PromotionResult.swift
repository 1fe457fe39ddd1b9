import Edge
import Wire

/// What there is to read of a promotion from its first step on.
struct PromotionResult: Codable, Sendable {
  let cell: String
  let generation: String
  let primary: String
  /// Whether the copy is proven to have all that was acknowledged; nil where that is not known.
  let isComplete: String?

  enum CodingKeys: String, CodingKey {
    case cell, generation, primary
    case isComplete = "is_complete"
  }

  init(_ register: CellRegister, isComplete: Bool?) {
    cell = register.cell.rawValue
    generation = "\(register.generation.rawValue)"
    primary = register.primary
    self.isComplete = isComplete.map { "\($0)" }
  }

  /// Nil where the operation was begun by a version that did not say it.
  init?(of operation: Operation) {
    guard let text = operation.result,
      let found = try? EdgeJSON.decode(Self.self, from: Array(text.utf8))
    else { return nil }
    self = found
  }

  /// Whether this promotion is the last one of its cell.
  func isOf(_ register: CellRegister) -> Bool {
    generation == "\(register.generation.rawValue)" && primary == register.primary
  }

  var json: String {
    get throws { String(decoding: try EdgeJSON.encode(self), as: UTF8.self) }
  }
}
