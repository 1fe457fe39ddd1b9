import Storage
import Wire

/// Remembers up to which format level this cell may write, as the control plane said last: also
/// where a restart finds no control plane.
final class CeilingKeeper: Sendable {
  static let fact = "format-ceiling"

  let ceiling = FormatCeiling(FormatLevel.oldest)

  /// Before anything is written after a start.
  ///
  /// Throws `format_ceiling` where more may have been written than this program reads.
  func load(_ directives: Directives) async throws(Failure) {
    guard let bytes = try await directives.fact(Self.fact),
      let level = UInt32(String(decoding: bytes, as: UTF8.self))
    else { return }
    try Self.demand(reads: FormatLevel.newest, written: level)
    ceiling.raise(to: level)
  }

  static func demand(reads newest: UInt32, written level: UInt32) throws(Failure) {
    guard level <= newest else {
      throw Failure(
        .formatCeiling,
        "format level \(level) may have been written here, and this program reads \(newest)")
    }
  }

  /// Durable before the first record above the last ceiling; 0: nothing was said.
  func learn(_ told: UInt32, _ directives: Directives) async throws(Failure) {
    // It never is told more than it reads: it could not have joined.
    let level = min(told, FormatLevel.newest)
    guard level > ceiling.level else { return }
    try await directives.setFact(Self.fact, Array(String(level).utf8))
    ceiling.raise(to: level)
  }
}
