import Foundation

extension ChaosReport {
  /// The one line that a mode prints last: fixed keys, sorted.
  public func json(mode: String) -> String {
    var fields: [String: Any] = [
      "ok": isOK, "mode": mode, "cycles": cycles, "acked": acked, "lost": lost,
      "duplicated": duplicated, "diverged": diverged, "faults_hit": faultsHit,
      "complaints": complaints, "seconds": (seconds * 1_000).rounded() / 1_000,
    ]
    fields["owners_max"] = ownersMax
    fields["orphans"] = orphans
    fields["moves"] = moves
    if !measures.isEmpty { fields["measures"] = measures }
    guard
      let data = try? JSONSerialization.data(
        withJSONObject: fields, options: [.sortedKeys, .withoutEscapingSlashes])
    else { preconditionFailure("a report holds numbers and strings only") }
    return String(decoding: data, as: UTF8.self)
  }
}
