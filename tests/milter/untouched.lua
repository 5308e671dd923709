-- SPDX-License-Identifier: MIT
-- Without milter.header no change is asked for and none made.
dofile(dir .. "/common.lua")
conn = connect()

for _, action in ipairs({SMFIF_ADDHDRS, SMFIF_CHGBODY, SMFIF_ADDRCPT,
	SMFIF_DELRCPT, SMFIF_CHGHDRS, SMFIF_QUARANTINE, SMFIF_CHGFROM,
	SMFIF_ADDRCPT_PAR}) do
	if mt.test_action(conn, action) then
		fail("it asks for action " .. action)
	end
end
for _, step in ipairs({SMFIP_NOHELO, SMFIP_NOHDRS, SMFIP_NOEOH, SMFIP_NOBODY,
	SMFIP_NODATA, SMFIP_NOUNKNOWN}) do
	if not mt.test_option(conn, step) then
		fail("it wants a step that it does not need: " .. step)
	end
end

mail(conn, "UNTOUCHED", "<s@example.test>")
rcpt(conn, "<u@relay.test>")
finish(conn)
for _, change in ipairs({MT_HDRADD, MT_HDRINSERT, MT_HDRCHANGE, MT_HDRDELETE,
	MT_BODYCHANGE, MT_QUARANTINE}) do
	if mt.eom_check(conn, change) then
		fail("it makes change " .. change)
	end
end
mt.disconnect(conn)
