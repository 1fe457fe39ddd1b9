extension GraphRoutes {
  func phoneNumber(
    _ id: String, _ edge: String, _ request: GraphRequest, _ world: inout GraphWorld
  ) throws(GraphError) -> GraphReply {
    guard let state = world.numbers[id] else { throw .unknownObject(id, request.method) }
    switch (request.method, edge) {
    case ("GET", ""):
      let fields = request.query["fields"] ?? Self.defaultFields
      return GraphReply(GraphWorld.pick(state.json, fields))
    case ("POST", ""):
      world.numbers[id]?.pin = try Self.pin(try request.json())
      return .success
    case ("POST", "register"):
      let body = try request.json()
      let pin = try Self.pin(body)
      guard state.pin == nil || state.pin == pin else { throw .injected(133005) }
      world.numbers[id]?.isRegistered = true
      world.numbers[id]?.pin = pin
      return .success
    case ("POST", "deregister"):
      world.numbers[id]?.isRegistered = false
      return .success
    case ("POST", "request_code"), ("POST", "verify_code"):
      return .success
    case ("GET", "whatsapp_business_profile"):
      let all = JSON.object([JSON.Member("messaging_product", "whatsapp")] + state.profile)
      let fields = request.query["fields"].map { $0 + ",messaging_product" }
      return GraphReply(["data": [GraphWorld.pick(all, fields)]])
    case ("POST", "whatsapp_business_profile"):
      world.numbers[id]?.profile = try Self.merged(state.profile, with: try request.json())
      return .success
    case (_, "block_users"):
      return try blockUsers(id, state, request, &world)
    case ("POST", "media"):
      return try uploadMedia(request, &world)
    default: throw .unknownObject("\(id)/\(edge)", request.method)
    }
  }

  private static let defaultFields =
    "id,verified_name,code_verification_status,display_phone_number,quality_rating,"
    + "platform_type,throughput,webhook_configuration"

  private static let profileLimits = [
    "about": 139, "address": 256, "description": 512, "email": 128,
  ]
  private static let profileNames: Set<String> = [
    "about", "address", "description", "email", "vertical", "websites",
    "profile_picture_handle",
  ]

  private static func merged(
    _ profile: [JSON.Member], with body: JSON
  ) throws(GraphError) -> [JSON.Member] {
    var merged = profile
    for member in body.members ?? [] where profileNames.contains(member.name) {
      if let limit = profileLimits[member.name], (member.value.string?.count ?? 0) > limit {
        throw .invalidParameter("\(member.name) has at most \(limit) characters")
      }
      if member.name == "websites", (member.value.array?.count ?? 3) > 2 {
        throw .invalidParameter("websites is a list of at most 2")
      }
      merged.removeAll { $0.name == member.name }
      merged.append(member)
    }
    return merged
  }

  private static func pin(_ body: JSON) throws(GraphError) -> String {
    guard let pin = body["pin"]?.text, pin.utf8.count == 6, pin.allSatisfy(\.isNumber) else {
      throw .invalidParameter("pin must be 6 digits")
    }
    return pin
  }

  private func blockUsers(
    _ id: String, _ state: PhoneNumberState, _ request: GraphRequest, _ world: inout GraphWorld
  ) throws(GraphError) -> GraphReply {
    if request.method == "GET" {
      let users: [JSON] = state.blocked.sorted().map {
        ["messaging_product": "whatsapp", "input": JSON($0), "wa_id": JSON($0)]
      }
      return GraphReply(["data": .array(users)])
    }
    let entries = try request.json()["block_users"]?.array ?? []
    var changed: [JSON] = []
    for entry in entries {
      guard let input = entry["user"]?.text, let digits = Recipient.digits(input) else {
        throw .invalidValue("block_users.user is not a phone number")
      }
      let user = Recipient.whatsAppID(digits)
      if request.method == "POST" {
        world.numbers[id]?.blocked.insert(user)
      } else {
        world.numbers[id]?.blocked.remove(user)
      }
      changed.append(["input": JSON(input), "wa_id": JSON(user)])
    }
    let name = request.method == "POST" ? "added_users" : "removed_users"
    return GraphReply([
      "messaging_product": "whatsapp",
      "block_users": .object([JSON.Member(name, .array(changed))]),
    ])
  }
}
