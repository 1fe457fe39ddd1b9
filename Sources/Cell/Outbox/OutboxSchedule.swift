import Wire

/// Decides which candidates go now: slots, pace and pairs of one tenant.
///
/// No I/O.
struct OutboxSchedule {
  private let configuration: OutboxConfiguration
  private var pacers: [String: NumberPacer] = [:]
  private var pairs: PairLimiter
  private(set) var inFlight: [RowID: String] = [:]
  private var perNumber: [String: Int] = [:]

  /// Until a number's own rate is read: the Cloud API's usual one.
  static let usualRate = 80

  init(_ configuration: OutboxConfiguration) {
    self.configuration = configuration
    pairs = PairLimiter(limit: configuration.pairs)
  }

  /// Numbers without a free slot or a token.
  mutating func busy(_ now: UInt64) -> Set<String> {
    var busy: Set<String> = []
    for number in pacers.keys where room(number, now) == 0 { busy.insert(number) }
    return busy
  }

  private mutating func room(_ number: String, _ now: UInt64) -> Int {
    let slots = configuration.inFlightPerNumber - (perNumber[number] ?? 0)
    let tokens = pacers[number]?.available(now) ?? max(1, Self.usualRate / 10)
    return max(0, min(slots, tokens))
  }

  /// The claims of one command: what has room now, and what its pair's limit defers.
  mutating func plan(
    _ candidates: [SendCandidate], slots: Int, now: UInt64, time: Timestamp
  ) -> [SendClaim] {
    var claims: [SendClaim] = []
    var used: [String: Int] = [:]
    var sends = 0
    for candidate in candidates {
      guard claims.count < configuration.claimBatch, sends < slots else { break }
      let number = candidate.phoneNumberID
      guard inFlight[candidate.id] == nil, used[number, default: 0] < room(number, now) else {
        continue
      }
      if let later = pairs.admit(number, candidate.contact, now: time.milliseconds) {
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

  /// Jobs leave: they take slots and tokens.
  mutating func begin(_ jobs: [SendJob], _ now: UInt64) {
    for job in jobs {
      let number = job.number.phoneNumberID
      inFlight[job.id] = number
      perNumber[number, default: 0] += 1
      var pacer =
        pacers[number] ?? NumberPacer(ratePerSecond: job.number.ratePerSecond, now: now)
      if pacer.ratePerSecond != job.number.ratePerSecond {
        pacer.setRate(job.number.ratePerSecond)
      }
      pacer.take(1, now)
      pacers[number] = pacer
    }
  }

  /// A job's outcome came; one that says "too fast" lowers the number's pace.
  mutating func finish(_ result: SendResult, _ now: UInt64) {
    guard let number = inFlight.removeValue(forKey: result.id) else { return }
    perNumber[number, default: 1] -= 1
    guard case .refused(let error) = result.outcome else { return }
    let rule = GraphErrorRules.rule(for: error)
    guard rule.effects.contains(.slowNumber), let retry = rule.retry else { return }
    pacers[number]?.slowDown(
      nanoseconds: UInt64(retry.firstDelayMilliseconds) * 1_000_000, now)
  }

  /// How long until a busy number has tokens for a good batch; nil where none waits for tokens.
  mutating func nextTokens(_ now: UInt64) -> UInt64? {
    var shortest: UInt64?
    for number in pacers.keys where perNumber[number, default: 0] < configuration.inFlightPerNumber
    {
      guard var pacer = pacers[number], pacer.available(now) == 0 else { continue }
      let wait = pacer.wait(for: (pacer.burst + 1) / 2, now)
      shortest = min(shortest ?? wait, wait)
    }
    return shortest
  }
}
