import Wire

/// Decides which candidates go now: slots, pace and pairs of one tenant.
///
/// No I/O.
struct OutboxSchedule {
  private let configuration: OutboxConfiguration
  private let pace: HeldPace
  private(set) var inFlight: [RowID: String] = [:]
  private var perNumber: [String: Int] = [:]

  init(_ configuration: OutboxConfiguration, pace: HeldPace) {
    self.configuration = configuration
    self.pace = pace
  }

  /// Numbers without a free slot or a token.
  func busy(_ now: UInt64) -> Set<String> {
    pace.use { pace in
      Set(pace.known.filter { room($0, &pace, now) == 0 })
    }
  }

  private func room(_ number: String, _ pace: inout SendPace, _ now: UInt64) -> Int {
    let slots = configuration.inFlightPerNumber - (perNumber[number] ?? 0)
    return max(0, min(slots, pace.available(number, now)))
  }

  /// The claims of one command: what has room now, and what its pair's limit defers.
  func plan(
    _ candidates: [SendCandidate], slots: Int, now: UInt64, time: Timestamp
  ) -> [SendClaim] {
    pace.use { pace in
      var claims: [SendClaim] = []
      var used: [String: Int] = [:]
      var sends = 0
      for candidate in candidates {
        guard claims.count < configuration.claimBatch, sends < slots else { break }
        let number = candidate.phoneNumberID
        guard inFlight[candidate.id] == nil, used[number, default: 0] < room(number, &pace, now)
        else { continue }
        if let later = pace.admit(number, candidate.contact, now: time.milliseconds) {
          claims.append(
            SendClaim(candidate: candidate, deferredTo: Timestamp(milliseconds: later)))
          continue
        }
        used[number, default: 0] += 1
        sends += 1
        claims.append(SendClaim(candidate: candidate, deferredTo: nil))
      }
      return claims
    }
  }

  /// Jobs leave: they take slots and tokens.
  mutating func begin(_ jobs: [SendJob], _ now: UInt64) {
    for job in jobs {
      inFlight[job.id] = job.number.phoneNumberID
      perNumber[job.number.phoneNumberID, default: 0] += 1
    }
    pace.use { pace in
      for job in jobs {
        pace.take(job.number.phoneNumberID, ratePerSecond: job.number.ratePerSecond, now)
      }
    }
  }

  /// Claims did not become jobs: their pairs have borrowed nothing for them.
  func abandon(_ claims: [SendClaim], but jobs: [SendJob] = []) {
    let left = Set(jobs.map(\.id))
    pace.use { pace in
      for claim in claims where claim.deferredTo == nil && !left.contains(claim.candidate.id) {
        pace.giveBack(claim.candidate.phoneNumberID, claim.candidate.contact)
      }
    }
  }

  /// A job's outcome came.
  mutating func finish(_ result: SendResult, _ now: UInt64) {
    guard let number = inFlight.removeValue(forKey: result.id) else { return }
    perNumber[number, default: 1] -= 1
    pace.use { $0.hear(result, now) }
  }

  /// How long until a busy number has tokens for a good batch; nil where none waits for tokens.
  func nextTokens(_ now: UInt64) -> UInt64? {
    pace.use { pace in
      pace.known.filter { perNumber[$0, default: 0] < configuration.inFlightPerNumber }
        .compactMap { pace.waitForBatch($0, now) }.min()
    }
  }
}
