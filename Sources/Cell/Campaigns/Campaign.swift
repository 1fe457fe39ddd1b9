import Wire

/// Where a campaign stands.
///
/// The number stands in rows and is never reused.
enum CampaignState: Int64, Sendable, CaseIterable {
  /// Takes recipients. May become `scheduled`, `running`, `cancelled`.
  case draft = 0
  /// Paid for, waits for its time. May become `running`, `paused`, `cancelled`.
  case scheduled = 1
  /// May become `paused`, `completed`, `cancelled`.
  case running = 2
  /// May become `running`, `scheduled`, `cancelled`.
  case paused = 3
  case completed = 4
  case cancelled = 5

  var name: String {
    switch self {
    case .draft: "draft"
    case .scheduled: "scheduled"
    case .running: "running"
    case .paused: "paused"
    case .completed: "completed"
    case .cancelled: "cancelled"
    }
  }

  var isOver: Bool { self == .completed || self == .cancelled }
}

/// A campaign as it was written once.
struct Campaign: Hashable, Sendable {
  let id: RowID
  let at: Timestamp
  let name: String
  let number: RowID
  let phoneNumberID: String
  let template: String
  let language: String
}

/// The part of a campaign that changes.
struct CampaignStanding: Hashable, Sendable {
  var state: CampaignState
  var since: Timestamp
  var scheduledAt: Timestamp?
  /// Why it paused: Graph's code where there is one, and words.
  var reasonCode: Int?
  var reason: String?
}

/// What was frozen when it started.
struct CampaignLaunch: Hashable, Sendable {
  let at: Timestamp
  let hold: RowID
  let amount: Micros
  let category: MessageCategory
  let templateVersion: Int64
}

/// One person of a campaign.
///
/// The identifier becomes the message's.
struct CampaignRecipient: Hashable, Sendable {
  let id: RowID
  let campaign: RowID
  let party: String?
  let userID: String?
  /// The template's `components` for this person, as Graph takes them; nil: none.
  let components: [UInt8]?

  var contactKey: String { party ?? userID ?? "" }
  var market: Market { Message.market(party: party, userID: userID) }
}

enum CampaignLimits {
  static let recipientsPerPage = 10_000
  static let recipients = 1_000_000
  /// Bytes of recipients in one command, so that a page fits in records; a page is several.
  static let bytesPerCommand = 400_000
  static let nameLength = 256
  static let markets = 300
}
