/// Whether a child whose version is on trial has stopped to answer.
///
/// Decides; the supervisor acts. Before its first answer the child watches itself (``TrialWatch``):
/// how long a start may take is not the supervisor's to know.
struct TrialSilence: Hashable {
  /// After this time without an answer about its health the child is ended, in milliseconds: as
  /// often as that happens, a start on trial counts, and in the end the version before runs.
  static let limit: Int64 = 60_000
  /// How often it is asked, and how long an answer may take.
  static let askEvery = Duration.seconds(5)
  static let answerSeconds: Int64 = 5

  private var heardAt: Int64?

  /// It was started, or its version is on trial no more.
  mutating func forget() { heardAt = nil }
  mutating func heard(at now: Int64) { heardAt = now }

  func isOver(at now: Int64) -> Bool { heardAt.map { now - $0 >= Self.limit } ?? false }
}
