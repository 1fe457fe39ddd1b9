/// The faults that the simulator makes on demand: `PUT /_sim/faults`.
///
/// All rates are shares from 0 to 1; everything is off in a new simulator.
public struct Faults: Hashable, Sendable {
  /// The same seed makes the same faults for the same messages, in whatever order they arrive.
  public var seed: UInt64 = 1
  /// Sends that are refused, with one of `errorCodes`.
  public var failureRate = 0.0
  /// Codes of ``failureRate``.
  public var errorCodes = [131026]
  /// Accepted messages that end with a `failed` status, with one of `statusErrorCodes`.
  public var statusFailureRate = 0.0
  /// Codes of ``statusFailureRate``.
  public var statusErrorCodes = [131026, 131049, 130472]
  /// Webhooks that are delivered twice.
  public var duplicateRate = 0.0
  /// Messages whose statuses arrive in another order than they happened.
  public var reorderRate = 0.0
  /// How long a status takes after the one before it.
  public var delayMilliseconds: ClosedRange<Int64> = 10...50
  /// Sends whose first status is delivered before they are answered.
  public var statusBeforeReplyRate = 0.0
  /// Sends whose connection is reset after the request was read and accepted.
  public var resetAfterReadRate = 0.0
  /// Sends whose connection is reset after the request was read, and which are not carried out.
  public var resetUnprocessedRate = 0.0
  /// Deliveries whose answer is taken for a 503, so that they are made again.
  public var webhook5xxRate = 0.0
  /// Statuses whose webhook never leaves, as if Meta had lost it.
  public var webhookLossRate = 0.0
  /// Messages that never get `delivered`, only `read`.
  public var missingDeliveredRate = 0.0
  /// Delivered messages that are read.
  public var readRate = 1.0
  /// How long every send waits before it is answered.
  public var replyDelayMilliseconds: ClosedRange<Int64> = 0...0

  // What the simulator insists on; true is what Meta does.
  public var enforceThroughput = true
  public var enforcePairLimit = true
  public var enforceWindow = true
  /// How many service messages per number are free, as Meta's first 1,000 of a month are.
  ///
  /// 0, so that a ledger can be checked from the price list alone.
  public var freeServiceMessages = 0
  /// Refuses templates that nobody created here (132001), as Meta does.
  ///
  /// Off, an unknown one counts as approved, and its sends as marketing.
  public var strictTemplates = false

  public init() {}
}

extension Faults {
  /// Reads the body of `PUT /_sim/faults`; what is absent takes its default, which for templates
  /// is the simulator's own.
  ///
  /// Throws a refusal that names the first wrong or unknown member.
  init(_ body: JSON, strictTemplates isStrict: Bool = false) throws(GraphError) {
    guard let members = body.members else {
      throw .invalidParameter("the body must be an object")
    }
    for member in members where !Self.names.contains(member.name) {
      throw .invalidParameter("\(member.name) is not a fault")
    }
    seed = UInt64(try Self.whole(body, "seed", 0...Int64.max) ?? 1)
    failureRate = try Self.rate(body, "failure_rate") ?? failureRate
    statusFailureRate = try Self.rate(body, "status_failure_rate") ?? statusFailureRate
    duplicateRate = try Self.rate(body, "duplicate_rate") ?? duplicateRate
    reorderRate = try Self.rate(body, "reorder_rate") ?? reorderRate
    statusBeforeReplyRate = try Self.rate(body, "status_before_reply_rate") ?? 0
    resetAfterReadRate = try Self.rate(body, "reset_after_read_rate") ?? 0
    resetUnprocessedRate = try Self.rate(body, "reset_unprocessed_rate") ?? 0
    webhook5xxRate = try Self.rate(body, "webhook_5xx_rate") ?? 0
    webhookLossRate = try Self.rate(body, "webhook_loss_rate") ?? 0
    missingDeliveredRate = try Self.rate(body, "missing_delivered_rate") ?? 0
    readRate = try Self.rate(body, "read_rate") ?? readRate
    errorCodes = try Self.codes(body, "error_codes") ?? errorCodes
    statusErrorCodes = try Self.codes(body, "status_error_codes") ?? statusErrorCodes
    delayMilliseconds = try Self.range(body, "delay_ms") ?? delayMilliseconds
    replyDelayMilliseconds = try Self.range(body, "reply_delay_ms") ?? replyDelayMilliseconds
    enforceThroughput = try Self.flag(body, "enforce_throughput") ?? true
    enforcePairLimit = try Self.flag(body, "enforce_pair_limit") ?? true
    enforceWindow = try Self.flag(body, "enforce_window") ?? true
    freeServiceMessages = Int(try Self.whole(body, "free_service_messages", 0...1_000_000) ?? 0)
    strictTemplates = try Self.flag(body, "strict_templates") ?? isStrict
  }

  private static let names: Set<String> = [
    "seed", "failure_rate", "error_codes", "status_failure_rate", "status_error_codes",
    "duplicate_rate", "reorder_rate", "delay_ms", "status_before_reply_rate",
    "reset_after_read_rate", "reset_unprocessed_rate", "webhook_5xx_rate",
    "webhook_loss_rate", "missing_delivered_rate", "read_rate", "reply_delay_ms",
    "enforce_throughput", "enforce_pair_limit", "enforce_window", "free_service_messages",
    "strict_templates",
  ]

  /// The faults as the JSON that sets them.
  var json: JSON {
    [
      "seed": .integer(Int64(clamping: seed)), "failure_rate": .double(failureRate),
      "error_codes": .array(errorCodes.map { JSON($0) }),
      "status_failure_rate": .double(statusFailureRate),
      "status_error_codes": .array(statusErrorCodes.map { JSON($0) }),
      "duplicate_rate": .double(duplicateRate), "reorder_rate": .double(reorderRate),
      "delay_ms": Self.pair(delayMilliseconds),
      "status_before_reply_rate": .double(statusBeforeReplyRate),
      "reset_after_read_rate": .double(resetAfterReadRate),
      "reset_unprocessed_rate": .double(resetUnprocessedRate),
      "webhook_5xx_rate": .double(webhook5xxRate),
      "webhook_loss_rate": .double(webhookLossRate),
      "missing_delivered_rate": .double(missingDeliveredRate), "read_rate": .double(readRate),
      "reply_delay_ms": Self.pair(replyDelayMilliseconds),
      "enforce_throughput": .bool(enforceThroughput),
      "enforce_pair_limit": .bool(enforcePairLimit), "enforce_window": .bool(enforceWindow),
      "free_service_messages": JSON(freeServiceMessages),
      "strict_templates": .bool(strictTemplates),
    ]
  }

  private static func pair(_ range: ClosedRange<Int64>) -> JSON {
    [.integer(range.lowerBound), .integer(range.upperBound)]
  }

  private static func rate(_ body: JSON, _ name: String) throws(GraphError) -> Double? {
    guard let value = body[name] else { return nil }
    guard let rate = value.number, (0...1).contains(rate) else {
      throw .invalidParameter("\(name) must be a number from 0 to 1")
    }
    return rate
  }

  private static func whole(
    _ body: JSON, _ name: String, _ allowed: ClosedRange<Int64>
  ) throws(GraphError) -> Int64? {
    guard let value = body[name] else { return nil }
    guard let number = value.integer, allowed.contains(number) else {
      throw .invalidParameter("\(name) must be a whole number in \(allowed)")
    }
    return number
  }

  private static func flag(_ body: JSON, _ name: String) throws(GraphError) -> Bool? {
    guard let value = body[name] else { return nil }
    guard let flag = value.bool else { throw .invalidParameter("\(name) must be true or false") }
    return flag
  }

  private static func codes(_ body: JSON, _ name: String) throws(GraphError) -> [Int]? {
    guard let value = body[name] else { return nil }
    let codes = (value.array ?? []).compactMap { $0.integer.map { Int($0) } }
    guard !codes.isEmpty, codes.count == value.array?.count else {
      throw .invalidParameter("\(name) must be a list of error codes")
    }
    return codes
  }

  /// A range in milliseconds: one number, or a pair.
  private static func range(
    _ body: JSON, _ name: String
  ) throws(GraphError) -> ClosedRange<Int64>? {
    guard let value = body[name] else { return nil }
    let bounds = value.integer.map { [$0, $0] } ?? (value.array ?? []).compactMap(\.integer)
    guard bounds.count == 2, bounds[0] >= 0, bounds[0] <= bounds[1],
      bounds[1] <= SimulatorLimits.maximumDelayMilliseconds
    else { throw .invalidParameter("\(name) must be [least, most] in milliseconds") }
    return bounds[0]...bounds[1]
  }
}
