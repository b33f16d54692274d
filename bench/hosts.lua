-- wrk: each request is for the next of the hosts s1.bench.example, s2... Argument: their number.
local requests, at = {}, 0

function init(args)
	for number = 1, tonumber(args[1]) do
		wrk.headers["Host"] = "s" .. number .. ".bench.example"
		requests[number] = wrk.format()
	end
end

function request()
	at = at % #requests + 1
	return requests[at]
end
