import Foundation
import Wire

/// A business phone number as Graph describes it.
public struct GraphPhoneNumber: Hashable, Sendable, Decodable {
  public let id: String
  public let display_phone_number: String?
  public let verified_name: String?
  /// GREEN, YELLOW, RED or UNKNOWN.
  public let quality_rating: String?
  public let status: String?
  public let is_on_biz_app: Bool?
  public let throughput: Throughput?

  public struct Throughput: Hashable, Sendable, Decodable {
    /// STANDARD, HIGH or NOT_APPLICABLE.
    public let level: String?
  }

  /// Messages per second that this number may send: 20 where it is shared with the app on a phone,
  /// 1,000 when upgraded, 80 otherwise.
  public var ratePerSecond: Int {
    if is_on_biz_app == true { return 20 }
    return throughput?.level == "HIGH" ? 1_000 : 80
  }
}

/// A message template as Graph lists it.
public struct GraphTemplate: Hashable, Sendable, Decodable {
  public let id: String?
  public let name: String
  public let language: String
  public let status: String?
  public let category: String?
  public let parameter_format: String?
}

/// A page of templates; `after` asks for the next one, nil at the end.
public struct GraphTemplatePage: Hashable, Sendable {
  public let templates: [GraphTemplate]
  public let after: String?
}

extension GraphClient {
  /// A page of templates is never larger than this.
  public static let templatePageLimit = 200
  /// Nor is a page of numbers.
  public static let phoneNumberPageLimit = 100

  /// Checks that `token` may use the number.
  ///
  /// Throws `graph_refused` where it may not.
  public func phoneNumber(
    _ id: String, token: String, traceID: String
  ) async throws(Failure) -> GraphPhoneNumber {
    let fields = "id,display_phone_number,verified_name,quality_rating,status,throughput"
    return try await decode(
      GraphPhoneNumber.self,
      get("\(id)?fields=\(fields),is_on_biz_app", token: token, traceID: traceID))
  }

  /// The numbers of a WhatsApp business account, the first page.
  public func phoneNumbers(
    waba: String, token: String, traceID: String
  ) async throws(Failure) -> [GraphPhoneNumber] {
    try await decode(
      NumberList.self,
      get(
        "\(waba)/phone_numbers?limit=\(Self.phoneNumberPageLimit)", token: token,
        traceID: traceID)
    ).data
  }

  /// One page of a business account's templates.
  public func templates(
    waba: String, after: String? = nil, token: String, traceID: String
  ) async throws(Failure) -> GraphTemplatePage {
    let fields = "id,name,status,category,language,parameter_format"
    let from = after.map { "&after=\($0)" } ?? ""
    let path = "\(waba)/message_templates?fields=\(fields)&limit=\(Self.templatePageLimit)\(from)"
    let page = try await decode(TemplateList.self, get(path, token: token, traceID: traceID))
    let next = page.paging?.next == nil ? nil : page.paging?.cursors?.after
    return GraphTemplatePage(templates: page.data, after: next)
  }

  /// Subscribes our app to the business account's webhooks; without it none arrive.
  public func subscribe(waba: String, token: String, traceID: String) async throws(Failure) {
    _ = try await call(
      post("\(waba)/subscribed_apps", token: token, traceID: traceID, json: Array("{}".utf8)))
  }
}

private struct NumberList: Decodable { let data: [GraphPhoneNumber] }

private struct TemplateList: Decodable {
  struct Cursors: Decodable { let after: String? }
  struct Paging: Decodable {
    let cursors: Cursors?
    let next: String?
  }
  let data: [GraphTemplate]
  let paging: Paging?
}
