/// What waits for a pool's threads: what others wait for the end of, before what only begins.
///
/// Whoever is answered asks again, and comes into the batch that its tenant begins next. The first
/// lane cannot keep the second one waiting for ever where its jobs come of the second one's.
/// Decision 0072.
struct JobLanes<Job> {
  private var ending = Deque<Job>()
  private var beginning = Deque<Job>()

  /// `ends`: whether it is the end of what was begun before.
  mutating func append(_ job: Job, ends: Bool) {
    if ends { ending.append(job) } else { beginning.append(job) }
  }

  mutating func popFirst() -> Job? { ending.popFirst() ?? beginning.popFirst() }
}

extension JobLanes: Sendable where Job: Sendable {}
