-- wrk: uploads. Argument: the bytes of a body.
function init(args)
	wrk.method = "POST"
	wrk.body = string.rep("x", tonumber(args[1]))
end
