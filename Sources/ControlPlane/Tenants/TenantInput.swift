import Foundation
import Wire

/// The body of `POST /v1/tenants`.
struct TenantInput: Decodable, Sendable {
  let name: String
  let slug: String
  let region: RegionID
  let currency: Currency
  let timeZone: String
  let tier: String?
  let parentID: TenantID?
  let cell: CellID?
  let durability: TenantDurability?

  enum CodingKeys: String, CodingKey {
    case name, slug, region, currency, tier, cell, durability
    case timeZone = "time_zone"
    case parentID = "parent_id"
  }

  /// Slugs that are hosts of the platform itself.
  static let reservedSlugs: Set<String> = ["app", "api", "admin", "www", "webhooks"]

  func validated() throws(Failure) -> TenantInput {
    _ = try AdminInput.text(name, "name", length: 1...ControlPlaneLimits.nameLength)
    guard Self.isSlug(slug) else {
      throw Failure(
        .invalidField,
        "slug must be 1 to \(ControlPlaneLimits.slugLength) of a-z, 0-9 and inner hyphens")
    }
    guard !Self.reservedSlugs.contains(slug) else {
      throw Failure(.invalidField, "slug: \(slug) is a name of the platform")
    }
    guard CurrencyCodes.isKnown(currency) else {
      throw Failure(.invalidField, "currency: \(currency) is not a currency of ISO 4217")
    }
    guard Self.isTimeZone(timeZone) else {
      throw Failure(.invalidField, "time_zone must be an IANA name, e.g. Europe/Berlin")
    }
    if let tier {
      guard (1...32).contains(tier.utf8.count), tier.utf8.allSatisfy(Self.isWordByte) else {
        throw Failure(.invalidField, "tier must be a word of a-z, 0-9, _ and -")
      }
    }
    return self
  }

  /// A label of a host name.
  static func isSlug(_ text: String) -> Bool {
    let bytes = Array(text.utf8)
    guard (1...ControlPlaneLimits.slugLength).contains(bytes.count), bytes.first != 0x2D,
      bytes.last != 0x2D
    else { return false }
    return bytes.allSatisfy { isWordByte($0) && $0 != UInt8(ascii: "_") }
  }

  /// A name of the IANA time zone database.
  ///
  /// The form first: the database is asked for nothing that could not be a name, and an offset
  /// such as `GMT+5`, which it would take, is none.
  static func isTimeZone(_ text: String) -> Bool {
    guard (1...64).contains(text.utf8.count), !text.hasPrefix("GMT+"), !text.hasPrefix("GMT-")
    else { return false }
    let isWellFormed = text.split(separator: "/", omittingEmptySubsequences: false).allSatisfy {
      part in
      !part.isEmpty
        && part.utf8.allSatisfy {
          isWordByte($0 | 0x20) || isWordByte($0) || $0 == UInt8(ascii: "+")
        }
    }
    return isWellFormed && TimeZone(identifier: text) != nil
  }

  private static func isWordByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
      UInt8(ascii: "_"), UInt8(ascii: "-"):
      true
    default: false
    }
  }
}

/// The body of `PATCH /v1/tenants/{id}`.
struct TenantPatch: Decodable, Sendable {
  let state: TenantState?
  let reason: String?
  let name: String?
  let durability: TenantDurability?
}
