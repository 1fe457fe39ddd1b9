import Edge
import Storage
import Wire

/// What the archive lacked of the control plane's own journal when the store was restored from it:
/// a file beside the store, until an operator removes it.
///
/// The cells tell what they hold; nobody tells of operators and tokens that were changed.
struct StoreGap: Sendable {
  static let name = "journal-gap.json"

  private struct Missing: Codable {
    let from: UInt64
    let through: UInt64
    let since: Timestamp
  }

  let path: String

  init(directory: String) { path = "\(directory)/\(Self.name)" }

  /// Durable before the restored store is.
  func note(_ missing: ClosedRange<CellSeq>, at now: Timestamp) throws {
    let range = Missing(
      from: missing.lowerBound.rawValue, through: missing.upperBound.rawValue, since: now)
    try PrivateFile.write(try EdgeJSON.encode(range), to: path)
  }

  /// Nil where there is no such file.
  var problem: HealthReport.Problem? {
    let range: Missing?
    do {
      guard let bytes = try PrivateFile.read(path) else { return nil }
      range = try EdgeJSON.decode(Missing.self, from: bytes)
    } catch {
      // That there was one is known all the same.
      range = nil
    }
    let records = range.map { "records \($0.from) to \($0.through)" } ?? "some records"
    return HealthReport.Problem(
      code: "control_plane_gap", since: range?.since ?? .zero,
      runbook: Runbook.page("control_plane_lost"),
      detail: "the archive lacks \(records) of the control plane's journal: operators, tokens, "
        + "second factors, Meta apps, alert channels and audit entries of then may be as they were "
        + "before; once they are looked through, remove \(path)")
  }
}
